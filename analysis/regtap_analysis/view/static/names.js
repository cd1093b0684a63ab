// Texts that are too long for their place, cut with an ellipsis.
"use strict";

const NAME_HEADS = [0, 0.3, 0.5, 0.7, 1];  // the shares of what is kept before the ellipsis

// A text cut at its end to a width.
function fit(context, text, most) {
  return cutText(text, 1, part => context.measureText(part).width <= most);
}

// A name with an ellipsis for a part of it if it is too long: the tail is kept, in which registers of a block differ,
// unless another cut alone tells the name from the others; as shorten() in plot/text.py.
function shorten(name, others, fits) {
  if (fits(name)) return name;
  const rivals = others.filter(other => other !== name);
  for (const head of NAME_HEADS) {
    const cut = cutText(name, head, fits);
    if (!rivals.some(rival => isCutOf(cut, rival))) return cut;
  }
  return cutText(name, NAME_HEADS[0], fits);
}

// As much of a text as fits; `head` is the share of the letters before the ellipsis.
function cutText(text, head, fits) {
  if (fits(text)) return text;
  let kept = 0, tooMany = text.length;
  while (tooMany - kept > 1) {
    const middle = Math.floor((kept + tooMany) / 2);
    if (fits(withEllipsis(text, head, middle))) kept = middle; else tooMany = middle;
  }
  return withEllipsis(text, head, kept);
}

function withEllipsis(text, head, kept) {
  const first = Math.ceil(kept * head);
  return `${text.slice(0, first)}…${text.slice(text.length - kept + first)}`;
}

function isCutOf(cut, name) {
  const at = cut.indexOf("…"), first = at < 0 ? cut : cut.slice(0, at), last = at < 0 ? "" : cut.slice(at + 1);
  return name.startsWith(first) && name.endsWith(last);
}
