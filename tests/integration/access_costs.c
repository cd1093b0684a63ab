/* What a read costs, by a program that shares nothing with regtap: medians of many short blocks, in ns.

   Usage: access_costs FILE OFFSET. Prints the costs of pread, lseek+read and a mapped load of 32 bits. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 1500, CALLS = 150, LOADS = 400000, MAPPED = 8192 };

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
    double began = now_ns();
    for (int i = 0; i < CALLS; ++i)
      if (pread(fd, &value, sizeof value, offset) != sizeof value) return 1;
    preads[round] = (now_ns() - began) / CALLS;
    began = now_ns();
    for (int i = 0; i < CALLS; ++i)
      if (lseek(fd, offset, SEEK_SET) != offset || read(fd, &value, sizeof value) != sizeof value) return 1;
    reads[round] = (now_ns() - began) / CALLS;
    if (round % 20 != 0) { /* the loads are many: a median of few rounds will do */
      loads[round] = loads[round - 1];
      continue;
    }
    began = now_ns();
    for (int i = 0; i < LOADS; ++i) (void)*reg;
    loads[round] = (now_ns() - began) / LOADS;
  }
  printf("%.4f %.4f %.4f\n", median(preads), median(reads), median(loads));
  return 0;
}
