# Warnings and sanitizers as unexported interface targets, and the two functions every folder uses.
add_library(gpreempt_warnings INTERFACE)
target_compile_options(gpreempt_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wswitch-enum -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual
  # Designated initializers leave members to their defaults on purpose.
  -Wno-missing-field-initializers)
if(GPREEMPT_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ asks for linkage of what a coroutine's frame holds wherever it is not in the file given on the command line.
  target_compile_options(gpreempt_warnings INTERFACE -Wno-subobject-linkage)
endif()
if(GPREEMPT_WERROR)
  target_compile_options(gpreempt_warnings INTERFACE -Werror)
endif()

# For what is never the hot path: the command line and the tests compile a quarter faster.
add_library(gpreempt_cold INTERFACE)
target_compile_options(gpreempt_cold INTERFACE $<$<CONFIG:Release>:-O1>)

if(GPREEMPT_SANITIZE)
  add_compile_options(-fsanitize=${GPREEMPT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${GPREEMPT_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND GPREEMPT_SANITIZE MATCHES "address")
    # g++ 12's ASan reports falsely on the first throw inside a SimGrid actor with its stack instrumentation on.
    add_compile_options(--param asan-stack=0)
  endif()
endif()

if(GPREEMPT_FUZZ)
  # So that the fuzzer sees which branches of a library an input takes.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(GPREEMPT_MUTANTS)
  if(NOT GPREEMPT_TESTS)
    message(FATAL_ERROR "GPREEMPT_MUTANTS: the defects are for the tests; set GPREEMPT_TESTS=ON")
  endif()
  add_compile_definitions(GPREEMPT_MUTANTS)
endif()

if(GPREEMPT_STATIC)
  if(GPREEMPT_HAS_SIM)
    message(FATAL_ERROR "GPREEMPT_STATIC: SimGrid is a shared library; set GPREEMPT_WITH_SIM=OFF")
  endif()
  add_link_options(-static)
  if(NOT GPREEMPT_VENDORED)
    # Its headers ask for the shared {fmt}.
    set_target_properties(spdlog::spdlog_header_only PROPERTIES
      INTERFACE_LINK_LIBRARIES "fmt::fmt-header-only;Threads::Threads")
  endif()
endif()

# gpreempt_linkable(LIST): in a static build, {fmt} and spdlog by their headers: there is no archive of them to link.
function(gpreempt_linkable list)
  set(libraries ${${list}})
  if(GPREEMPT_STATIC)
    list(TRANSFORM libraries REPLACE "^fmt::fmt$" "fmt::fmt-header-only")
    list(TRANSFORM libraries REPLACE "^spdlog::spdlog$" "spdlog::spdlog_header_only")
  endif()
  set(${list} ${libraries} PARENT_SCOPE)
endfunction()

# gpreempt_library(NAME SOURCES ... HEADERS ... PUBLIC libs ... PRIVATE libs ...)
function(gpreempt_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;HEADERS;PUBLIC;PRIVATE" ${ARGN})
  gpreempt_linkable(ARG_PUBLIC)
  gpreempt_linkable(ARG_PRIVATE)
  add_library(${name} STATIC ${ARG_SOURCES})
  if(CMAKE_VERSION VERSION_LESS 3.23)
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  else()
    target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${ARG_HEADERS})
  endif()
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} gpreempt_warnings)
  string(REPLACE "gpreempt_" "" short ${name})
  add_library(gpreempt::${short} ALIAS ${name})
endfunction()

# gpreempt_test_shards(NAME PREFIX LABEL): GPREEMPT_TEST_SHARDS processes that share a gtest binary's tests.
function(gpreempt_test_shards name prefix label)
  math(EXPR last "${GPREEMPT_TEST_SHARDS} - 1")
  foreach(shard RANGE ${last})
    set(test ${prefix}${name}/${shard})
    add_test(NAME ${test} COMMAND ${name})
    set_tests_properties(${test} PROPERTIES LABELS ${label} TIMEOUT 1800
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${GPREEMPT_TEST_SHARDS};GTEST_SHARD_INDEX=${shard}")
  endforeach()
endfunction()

# gpreempt_tests(NAME PREFIX unit/ SOURCES ... LIBS ... [PROPERTIES ...] [ALONE]): one gtest binary, its tests named
# PREFIX...; ALONE: each needs a process of its own, whatever GPREEMPT_TEST_SHARDS says.
function(gpreempt_tests name)
  cmake_parse_arguments(ARG "ALONE" "PREFIX" "SOURCES;LIBS;PROPERTIES" ${ARGN})
  gpreempt_linkable(ARG_LIBS)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} gpreempt_warnings gpreempt_cold)
  string(REGEX REPLACE "/$" "" label ${ARG_PREFIX})
  if(GPREEMPT_TEST_SHARDS GREATER 0 AND NOT ARG_ALONE)
    gpreempt_test_shards(${name} ${ARG_PREFIX} ${label})
    return()
  endif()
  gtest_discover_tests(${name} TEST_PREFIX ${ARG_PREFIX} NO_PRETTY_VALUES DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS ${label} ${ARG_PROPERTIES})
endfunction()

# gpreempt_embed(OUT_VAR HEADER h NAMESPACE n TYPE t FUNCTION f NAME STEM|FILENAME FILES ...): a source that defines `f`,
# declared in `h`: those files as an array of `t{name, text}`. Its path goes to OUT_VAR.
function(gpreempt_embed out)
  cmake_parse_arguments(ARG "" "HEADER;NAMESPACE;TYPE;FUNCTION;NAME" "FILES" ${ARGN})
  set(script ${PROJECT_SOURCE_DIR}/cmake/embed.cmake)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${ARG_FUNCTION}.cc)
  list(JOIN ARG_FILES "|" files)
  add_custom_command(OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${source} "-DFILES=${files}" -DHEADER=${ARG_HEADER} -DNAMESPACE=${ARG_NAMESPACE}
      -DTYPE=${ARG_TYPE} -DFUNCTION=${ARG_FUNCTION} -DNAME=${ARG_NAME} -P ${script}
    DEPENDS ${script} ${ARG_FILES}
    VERBATIM)
  set(${out} ${source} PARENT_SCOPE)
endfunction()
