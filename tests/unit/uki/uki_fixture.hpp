// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Real and made-up parts for the tests of builder/uki: Debian's systemd stub, a small PE file in place of a kernel,
// keys made by the openssl program, and a way to run the independent tools.
#pragma once

#include <string>

#include "builder/uki/assemble.hpp"
#include "store/core/fd.hpp"
#include "tests/scratch.hpp"

namespace sealroot {

/// The stub of the package systemd-boot-efi, or the one SEALROOT_TEST_STUB names.
Bytes installed_stub();

/// A PE32+ x64 file with one section holding `text`; `dll_characteristics` as given.
Bytes small_pe(const std::string& text, std::uint16_t dll_characteristics = 0x0100);

/// Parts with the installed stub and a small kernel.
UkiParts sample_parts();

/// Whether the program is in PATH.
bool has_program(const std::string& name);

/// Runs a shell command in the scratch directory, output into its file `output`; returns the exit status.
int run_in(const Scratch& scratch, const std::string& command);
std::string output_of(const Scratch& scratch, const std::string& command);

/// Writes NAME.key and NAME.crt. `algorithm` as `openssl req -newkey` takes it.
void make_key(const Scratch& scratch, const std::string& name, const std::string& algorithm = "rsa:2048");

}  // namespace sealroot
