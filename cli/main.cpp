// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The program `sealroot`: parse, call, print. One file a command.
#include <clocale>
#include <exception>
#include <iostream>
#include <new>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "store/core/error.hpp"

int main(int argc, char** argv) {
  using namespace sealroot;
  CLI::App app("Turns a container image into an operating system that boots only if every byte is the one signed.",
               "sealroot");
  app.set_version_flag("--version", "sealroot " SEALROOT_VERSION);
  app.require_subcommand(1);
  add_build_command(app);
  add_fsck_command(app);
  add_gc_command(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_status(Fault::usage);
  } catch (const Error& error) {
    std::cerr << "sealroot: " << error.what() << '\n';
    return exit_status(error.fault());
  } catch (const std::bad_alloc&) {
    std::cerr << "sealroot: out of memory\n";
  } catch (const std::exception& error) {
    std::cerr << "sealroot: " << error.what() << '\n';
  }
  return exit_status(Fault::os);
}
