# How every target of this project is built: warnings are errors, hardening on, includes from the root.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

option(WARREN_TESTS "Build the tests" ON)
option(WARREN_BENCH "Build the benchmarks" ON)
set(WARREN_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

include(CheckPIESupported)
check_pie_supported()

add_library(warren_flags INTERFACE)
target_include_directories(warren_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(warren_flags INTERFACE
  -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wformat=2 -Wnull-dereference -Werror
  -D_GLIBCXX_ASSERTIONS -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
  -ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks)
target_link_options(warren_flags INTERFACE
  -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -Wl,--as-needed)
if(WARREN_SANITIZE)
  # Instrumented code looks to g++ 12 as if it read what nobody wrote: these warnings lie here.
  target_compile_options(warren_flags INTERFACE -fsanitize=${WARREN_SANITIZE} -fno-sanitize-recover=all
    -Wno-maybe-uninitialized -Wno-uninitialized -Wno-stringop-overflow -Wno-stringop-overread
    -Wno-array-bounds -Wno-null-dereference -Wno-free-nonheap-object -Wno-tsan)
  target_link_options(warren_flags INTERFACE -fsanitize=${WARREN_SANITIZE})
else()
  target_compile_options(warren_flags INTERFACE -D_FORTIFY_SOURCE=2)
endif()

# warren_library(NAME sources...): a static library of one folder.
function(warren_library name)
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PUBLIC warren_flags)
endfunction()

# warren_program(NAME sources...): a process.
function(warren_program name)
  add_executable(${name} ${ARGN})
  set_property(TARGET ${name} PROPERTY POSITION_INDEPENDENT_CODE ON)
  target_link_options(${name} PRIVATE -pie)
  target_link_libraries(${name} PRIVATE warren_flags)
  install(TARGETS ${name} RUNTIME)
endfunction()

# Boost 1.74 coroutines under g++ 12 warn falsely about their own frames; only files that hold
# coroutines get this.
function(warren_coroutine_sources)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS
    "-Wno-mismatched-new-delete;-Wno-null-dereference")
endfunction()
