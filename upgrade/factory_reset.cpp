// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/factory_reset.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "builder/boot/state_tree.hpp"
#include "builder/image/read_image.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/listing.hpp"
#include "store/repository.hpp"
#include "store/temporary_name.hpp"
#include "upgrade/host/records.hpp"
#include "upgrade/host/running.hpp"
#include "upgrade/stage/state_directory.hpp"
#include "upgrade/stage/write_tree.hpp"

namespace sealroot {
namespace {

constexpr const char* own_folder = "state/sealroot";
constexpr const char* reset_folder = "state/sealroot/reset";
constexpr const char* var_parent = "state/os/default";
constexpr const char* not_running = "offline";
constexpr std::size_t boot_id_length = 36;

/// By which replaced state is known that may be in use: another boot has none of it mounted.
std::string boot_name(const Host& host) {
  if (!is_running(host)) return not_running;
  const Bytes id = read_file(working_directory(), "/proc/sys/kernel/random/boot_id", 64);
  return std::string(as_text(id).substr(0, boot_id_length));
}

Fd make_folder(const Fd& parent, const std::string& name) {
  if (::mkdirat(parent.get(), name.c_str(), 0700) < 0 && errno != EEXIST) throw os_error("creating " + quoted(name));
  return open_beneath(parent, name, O_RDONLY | O_DIRECTORY);
}

class Reset {
 public:
  explicit Reset(const Host& host)
      : host_(host),
        lock_(host.sysroot),
        repository_(Repository::open(host.sysroot, repository_folder)),
        deployments_(read_deployments(host, {})) {}

  FactoryReset run(bool check_only) {
    refuse_bootc(deployments_);
    if (!deployments_.problems.empty()) throw Error(Fault::malformed, deployments_.problems.front());
    if (deployments_.next() == nullptr) throw Error(Fault::missing, "no deployment of this host boots");
    FactoryReset result{.at_next_boot = is_running(host_)};
    for (const Deployment& each : deployments_.all) {
      if (!each.state_present && each.entry() == nullptr) continue;
      (each.entry() != nullptr ? result.renewed : result.removed).push_back(each.image);
    }
    if (!check_only) replace_all(result);
    return result;
  }

 private:
  /// Nothing is replaced before all that is new is on the disk.
  void replace_all(const FactoryReset& result) {
    remove_replaced_state(host_);
    const Fd own = open_beneath(host_.sysroot, own_folder, O_RDONLY | O_DIRECTORY);
    const Fd folder = make_folder(make_folder(make_folder(own, "reset"), boot_name(host_)), temporary_name());
    for (const Digest& image : result.renewed) make_new_state(folder, *deployments_.find(image));
    repository_.sync();

    const Fd deployed = open_beneath(host_.sysroot, deploy_folder, O_RDONLY | O_DIRECTORY);
    const Fd parent = open_beneath(host_.sysroot, var_parent, O_RDONLY | O_DIRECTORY);
    for (const Digest& image : result.removed) move(deployed, folder, to_hex(image));
    for (const Digest& image : result.renewed) {
      const bool there = deployments_.find(image)->state_present;
      move(folder, deployed, to_hex(image), there ? RENAME_EXCHANGE : RENAME_NOREPLACE);
    }
    move(folder, parent, "var", RENAME_EXCHANGE);
    append_history(host_.sysroot, {.action = "factory-reset"});
    repository_.sync();
    remove_replaced_state(host_);
  }

  void make_new_state(const Fd& folder, const Deployment& deployment) {
    during("state of image " + to_hex(deployment.image), [&] {
      const auto& config = deployment.entry()->uki.config;
      if (!config) throw Error(Fault::malformed, "its UKI does not say what is to become of /etc");
      const Tree tree = read_image(repository_.objects().read(deployment.image)).tree;
      write_state(folder, to_hex(deployment.image), tree, repository_.objects(), deployment.image, config->etc);
      if (!deployment.next) return;
      const Tree state = make_state_tree(tree, deployment.image, config->etc);
      write_tree(make_folder(folder, "var"), state, *find(state, "state/os/default/var"),
                 contents_in(repository_.objects()));
    });
  }

  static void move(const Fd& from, const Fd& to, const std::string& name, unsigned how = RENAME_NOREPLACE) {
    if (::renameat2(from.get(), name.c_str(), to.get(), name.c_str(), how) < 0) {
      throw os_error("replacing " + quoted(name));
    }
  }

  const Host& host_;
  const HostLock lock_;
  const Repository repository_;
  const Deployments deployments_;
};

}  // namespace

FactoryReset reset_state(const Host& host, bool check_only) { return Reset(host).run(check_only); }

void remove_replaced_state(const Host& host) {
  const auto folder = try_open_beneath(host.sysroot, reset_folder, O_RDONLY | O_DIRECTORY);
  if (!folder) return;
  const std::string running = is_running(host) ? boot_name(host) : "";
  for (const DirectoryEntry& entry : list_directory(*folder)) {
    if (entry.name != running) remove_tree(*folder, entry.name);
  }
}

void complete_reset(const Host& host) {
  const HostLock lock(host.sysroot);
  remove_replaced_state(host);
}

}  // namespace sealroot
