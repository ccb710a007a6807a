# The libraries of others that the core and the tools are made of: the system's, or, in a tarball of ci/dist, the headers that came with
# it. Then nothing is looked for and no network is needed; all of them are used by their headers alone.
set(GPREEMPT_VENDORED OFF)
if(EXISTS "${PROJECT_SOURCE_DIR}/third_party/VERSIONS")
  set(GPREEMPT_VENDORED ON)
endif()

if(NOT GPREEMPT_VENDORED)
  find_package(PkgConfig REQUIRED)
  find_package(fmt REQUIRED)
  find_package(tl-expected REQUIRED)
  find_package(spdlog REQUIRED)
  find_package(CLI11 REQUIRED)
  find_package(nlohmann_json REQUIRED)
  find_package(Boost 1.74 REQUIRED)
  pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus)
  return()
endif()

message(STATUS "Libraries: the headers in third_party")
# gpreempt_vendored(TARGET DEFINITION...): SYSTEM headers, whose warnings are not ours.
function(gpreempt_vendored target)
  add_library(${target} INTERFACE IMPORTED)
  set_target_properties(${target} PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${PROJECT_SOURCE_DIR}/third_party/include"
    INTERFACE_COMPILE_DEFINITIONS "${ARGN}")
endfunction()
gpreempt_vendored(fmt::fmt FMT_HEADER_ONLY=1)
gpreempt_vendored(fmt::fmt-header-only FMT_HEADER_ONLY=1)
gpreempt_vendored(spdlog::spdlog SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY=1)
gpreempt_vendored(spdlog::spdlog_header_only SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY=1)
gpreempt_vendored(tl::expected)
gpreempt_vendored(CLI11::CLI11)
gpreempt_vendored(nlohmann_json::nlohmann_json)
gpreempt_vendored(Boost::headers)
gpreempt_vendored(PkgConfig::TOMLPLUSPLUS TOML_HEADER_ONLY=1)

# What the contract's tests are written with; a library that is compiled.
add_library(gpreempt_googletest STATIC ${PROJECT_SOURCE_DIR}/third_party/googletest/src/gtest-all.cc)
target_include_directories(gpreempt_googletest SYSTEM PUBLIC ${PROJECT_SOURCE_DIR}/third_party/googletest/include
  PRIVATE ${PROJECT_SOURCE_DIR}/third_party/googletest)
target_link_libraries(gpreempt_googletest PUBLIC Threads::Threads)
add_library(GTest::gtest ALIAS gpreempt_googletest)
