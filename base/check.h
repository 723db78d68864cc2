// Our own bugs end the process, in release builds too: the supervisor starts a clean one.
#pragma once

#include <cstdio>
#include <cstdlib>

#define WARREN_CHECK(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "broken check=\"%s\" at=%s:%d\n", #condition, __FILE__,           \
                         __LINE__);                                                                \
            std::abort();                                                                          \
        }                                                                                          \
    } while (false)
