// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The program `sealroot`: parse, call, print. One file a command.
#include <cerrno>
#include <exception>
#include <iostream>
#include <new>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "cli/other_names.hpp"
#include "store/core/error.hpp"

using namespace sealroot;

namespace {

int run_other(OtherProgram program, int argc, char** argv) {
  const std::string prefix = std::string(program_invocation_short_name) + ": ";
  try {
    return program(argc, argv);
  } catch (const Error& error) {
    std::cerr << (error.fault() == Fault::usage ? "" : prefix) << error.what() << '\n';
  } catch (const std::exception& error) {
    std::cerr << prefix << error.what() << '\n';
  }
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (const OtherProgram program = argc > 0 ? other_program(argv[0]) : nullptr) return run_other(program, argc, argv);
  CLI::App app("Turns a container image into an operating system that boots only if every byte is the one signed.",
               "sealroot");
  app.set_version_flag("--version", "sealroot " SEALROOT_VERSION);
  app.require_subcommand(1);
  add_build_command(app);
  add_digest_command(app);
  add_push_command(app);
  add_ls_command(app);
  add_dump_command(app);
  add_cat_command(app);
  add_du_command(app);
  add_mount_command(app);
  add_diff_command(app);
  add_explain_command(app);
  add_fsck_command(app);
  add_gc_command(app);
  add_inspect_command(app);
  add_verify_command(app);
  add_doctor_command(app);
  add_uki_command(app);
  add_install_command(app);
  add_status_command(app);
  add_upgrade_command(app);
  add_switch_command(app);
  add_rollback_command(app);
  add_pin_command(app);
  add_unpin_command(app);
  add_history_command(app);
  add_factory_reset_command(app);
  try {
    app.parse(argc, argv);
    if (!std::cout.flush()) throw Error(Fault::os, "writing to standard output");
    return 0;
  } catch (const CLI::RuntimeError& error) {
    if (std::cout.flush()) return error.get_exit_code();  // the answer of exit_with_answer()
    std::cerr << "sealroot: writing to standard output\n";
    return exit_status(Fault::usage);
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
