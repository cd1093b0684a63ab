/* What a read costs, by a program that shares nothing with regtap: medians of many short blocks, in ns.

   Usage: access_costs FILE OFFSET. Prints the costs of pread, lseek+read and a mapped load of 32 bits.

   A loop of system calls settles into one of several speeds, some percent apart, by what the branch predictors and
   the caches hold when it begins. A program that does nothing else stays in the fastest; one that does other work
   between its blocks, as any that measures more than one thing, does not. So this one does other work, too, and its
   loops are unrolled, so that their turns cost nothing. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 150, TURNS = 25, LOAD_TURNS = 10000, UNROLL = 16, BRANCHES = 20000, TOUCHED = 1 << 20, MAPPED = 8192 };

#define TIMES_16(once) once once once once once once once once once once once once once once once once

static double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *left, const void *right) {
  const double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static double median(double *values) {
  qsort(values, ROUNDS, sizeof *values, by_value);
  return values[ROUNDS / 2];
}

/* As an interpreter does it: jumps and branches at a thousand places that nobody can predict, on a megabyte. */
#define PLACE(n) case n: if (state >> (n) % 40 & 1) *at += 1; break;
#define PLACES_4(n) PLACE(n) PLACE(n + 1) PLACE(n + 2) PLACE(n + 3)
#define PLACES_16(n) PLACES_4(n) PLACES_4(n + 4) PLACES_4(n + 8) PLACES_4(n + 12)
#define PLACES_64(n) PLACES_16(n) PLACES_16(n + 16) PLACES_16(n + 32) PLACES_16(n + 48)
#define PLACES_256(n) PLACES_64(n) PLACES_64(n + 64) PLACES_64(n + 128) PLACES_64(n + 192)

static void do_other_work(void) {
  static uint8_t touched[TOUCHED];
  static uint64_t state = 88172645463325252u; /* xorshift64 */
  for (int i = 0; i < BRANCHES; ++i) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    volatile uint8_t *at = &touched[state % TOUCHED];
    switch (state >> 32 & 1023) { PLACES_256(0) PLACES_256(256) PLACES_256(512) PLACES_256(768) }
  }
}

int main(int argc, char **argv) {
  static double preads[ROUNDS], reads[ROUNDS], loads[ROUNDS];
  if (argc != 3) return 2;
  const off_t offset = (off_t)strtoul(argv[2], NULL, 0);
  const int fd = open(argv[1], O_RDONLY);
  void *page = mmap(NULL, MAPPED, PROT_READ, MAP_SHARED, fd, 0);
  if (fd < 0 || page == MAP_FAILED) return 1;
  const volatile uint32_t *reg = (const volatile uint32_t *)((char *)page + offset);
  uint32_t value;
  for (int round = 0; round < ROUNDS; ++round) {
    do_other_work();
    double began = now_ns();
    for (int i = 0; i < TURNS; ++i) {
      TIMES_16(if (pread(fd, &value, sizeof value, offset) != sizeof value) return 1;)
    }
    preads[round] = (now_ns() - began) / (TURNS * UNROLL);
    do_other_work();
    began = now_ns();
    for (int i = 0; i < TURNS; ++i) {
      TIMES_16(if (lseek(fd, offset, SEEK_SET) != offset || read(fd, &value, sizeof value) != sizeof value) return 1;)
    }
    reads[round] = (now_ns() - began) / (TURNS * UNROLL);
    do_other_work();
    began = now_ns();
    for (int i = 0; i < LOAD_TURNS; ++i) {
      TIMES_16((void)*reg;)
    }
    loads[round] = (now_ns() - began) / (LOAD_TURNS * UNROLL);
  }
  printf("%.4f %.4f %.4f\n", median(preads), median(reads), median(loads));
  return 0;
}
