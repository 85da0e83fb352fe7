// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "cli/registry_options.hpp"

#include <CLI/CLI.hpp>

namespace sealroot {

void add_registry_options(CLI::App& command, RegistryOptions& options) {
  command
      .add_option("--creds", options.creds,
                  "credentials for the registry; --authfile keeps\nthem from other users of this machine")
      ->type_name("USER[:PASSWORD]")
      ->group("Registries");
  command
      .add_option("--authfile", options.authfile,
                  "credentials for registries (default: those\nof podman login or docker login)")
      ->type_name("FILE")
      ->group("Registries");
  command
      .add_flag_function(
          "--tls-verify", [&options](std::int64_t count) { options.tls_verify = count > 0; },
          "=false: a registry need not prove who it is\n(default: as registries.conf says)")
      ->group("Registries");
  command.add_option("--cert-dir", options.cert_dir, "CAs *.crt and own *.cert with *.key (default:\ncerts.d/HOST)")
      ->type_name("DIR")
      ->group("Registries");
  command
      .add_option("--token-realm", options.token_realms,
                  "another host that may be told a registry's\ncredentials, to give tokens; repeatable")
      ->type_name("HOST")
      ->take_all()
      ->allow_extra_args(false)
      ->group("Registries");
  command
      .add_option("--stall-timeout", options.stall_seconds, "seconds without a byte until a transfer is\ntried again")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600))
      ->group("Registries");
}

}  // namespace sealroot
