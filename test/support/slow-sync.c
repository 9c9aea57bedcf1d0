/*
 * Makes a disk slow for one process: preloaded before libc, its fsync and fdatasync first sleep as
 * many milliseconds as the file named by SLOW_SYNC_FLAG says. No file, no sleep.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void wait_as_told(void) {
  const char *path = getenv("SLOW_SYNC_FLAG");
  FILE *flag = path == NULL ? NULL : fopen(path, "r");
  long ms = 0;
  if (flag == NULL) return;
  if (fscanf(flag, "%ld", &ms) != 1 || ms < 0 || ms > 60000) ms = 0;
  fclose(flag);
  struct timespec left = {ms / 1000, (ms % 1000) * 1000000L};
  while (nanosleep(&left, &left) != 0) continue;
}

int fsync(int fd) {
  static int (*next)(int);
  if (next == NULL) next = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  wait_as_told();
  return next(fd);
}

int fdatasync(int fd) {
  static int (*next)(int);
  if (next == NULL) next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  wait_as_told();
  return next(fd);
}
