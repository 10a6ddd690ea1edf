// For libraries whose functions have nothing to do in a rehearsal but to succeed.
#pragma once

extern "C" void rehearsal_count(const char* what);

/// A function of any arguments that returns the status of success.
#define REHEARSAL_NOTHING(name) \
  int name(...) { return 0; }

/// A function that makes something, which nobody looks into.
#define REHEARSAL_OBJECT(name) \
  int name(void** made, ...) { \
    static char one;           \
    *made = &one;              \
    return 0;                  \
  }
