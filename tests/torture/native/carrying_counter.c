/* A 64-bit counter in a file whose two halves always agree: a value with halves that differ was never there.

   Counts for ever, with a carry into the upper half at each step, at a pace that changes all the time: from as fast as
   it can to a step every few microseconds. argv[1]: the file, of 8 bytes at least. Ends with its parent. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int fd = open(argv[1], O_RDWR);
  volatile uint64_t *counter = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fd < 0 || counter == MAP_FAILED) {
    perror(argv[1]);
    return 1;
  }
  uint32_t noise = 2463534242u; /* xorshift32, Marsaglia 2003 */
  for (uint64_t value = 0;; value += 0x100000001u) {
    *counter = value;
    if ((value & 0xfff) == 0) {
      noise ^= noise << 13;
      noise ^= noise >> 17;
      noise ^= noise << 5;
    }
    for (volatile uint32_t pause = noise % 2048 >> (noise >> 28); pause > 0; --pause) {
    }
  }
}
