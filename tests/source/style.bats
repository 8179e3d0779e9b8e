#!/usr/bin/env bats
# Format and static analysis of everything in C.

setup() { cd "$BATS_TEST_DIRNAME/../.."; }

@test "format: clang-format changes nothing" {
    git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format --dry-run -Werror
}

@test "cppcheck finds nothing" {
    git ls-files -co --exclude-standard '*.c' |
        xargs cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -I. \
            --enable=warning,performance,portability \
            --suppress=missingInclude --suppress=missingIncludeSystem
}

@test "shellcheck finds nothing" {
    shellcheck demo check tools/* tests/run .ci/run
}

@test "nothing committed names a path of a machine or a package registry" {
    run git grep -nE '/(root|home)/[a-z]|https?://(deb|registry|security|ftp)[.]' -- ':!tests/source/style.bats'
    echo "$output"
    [ -z "$output" ]
}
