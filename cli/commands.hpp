// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The subcommands; each registers its options and what runs when it is chosen. In the
// order of --help and of README.md.
#pragma once

namespace CLI {
class App;
}

namespace sealroot {

void add_build_command(CLI::App& app);
void add_digest_command(CLI::App& app);
void add_push_command(CLI::App& app);
void add_ls_command(CLI::App& app);
void add_dump_command(CLI::App& app);
void add_cat_command(CLI::App& app);
void add_du_command(CLI::App& app);
void add_mount_command(CLI::App& app);
void add_diff_command(CLI::App& app);
void add_explain_command(CLI::App& app);
void add_fsck_command(CLI::App& app);
void add_gc_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_verify_command(CLI::App& app);
void add_doctor_command(CLI::App& app);
void add_uki_command(CLI::App& app);
void add_install_command(CLI::App& app);
void add_status_command(CLI::App& app);
void add_upgrade_command(CLI::App& app);
void add_switch_command(CLI::App& app);
void add_rollback_command(CLI::App& app);
void add_pin_command(CLI::App& app);
void add_unpin_command(CLI::App& app);
void add_history_command(CLI::App& app);
void add_factory_reset_command(CLI::App& app);

}  // namespace sealroot
