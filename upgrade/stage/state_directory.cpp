// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/stage/state_directory.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "builder/boot/state_tree.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/listing.hpp"
#include "store/temporary_name.hpp"
#include "upgrade/etc_merge/contents.hpp"
#include "upgrade/host/host.hpp"
#include "upgrade/stage/write_tree.hpp"

namespace sealroot {
namespace {

/// In the same file system, where nobody takes its folders for deployments.
Fd open_workshop(const Fd& sysroot) { return open_beneath(sysroot, "state/sealroot", O_RDONLY | O_DIRECTORY); }

Fd open_deployments(const Fd& sysroot) {
  if (::mkdirat(open_beneath(sysroot, "state", O_RDONLY | O_DIRECTORY).get(), "deploy", 0755) < 0 && errno != EEXIST) {
    throw os_error("creating 'state/deploy'");
  }
  return open_beneath(sysroot, deploy_folder, O_RDONLY | O_DIRECTORY);
}

/// Puts a tree in the place of a directory; returns which node its first one has become.
NodeId graft(Tree& tree, NodeId place, const Tree& other) {
  const auto first = static_cast<NodeId>(tree.nodes.size());
  for (const Node& node : other.nodes) {
    tree.nodes.push_back(node);
    if (Directory* const directory = tree.nodes.back().directory()) {
      for (auto& [name, child] : directory->children) child += first;
    }
  }
  tree[place].metadata = tree[first].metadata;
  tree[place].content = tree[first].content;
  return first;
}

void rename_new(const Fd& from, const std::string& old_name, const Fd& to, const std::string& name) {
  if (::renameat2(from.get(), old_name.c_str(), to.get(), name.c_str(), RENAME_NOREPLACE) < 0) {
    throw os_error("renaming to " + quoted(name));
  }
}

}  // namespace

void write_state(const Fd& parent, const std::string& name, const Tree& tree, const ObjectStore& store,
                 const Digest& image, const std::string& etc, const CarriedEtc* carried) {
  Tree state = make_state_tree(tree, image, etc);
  const std::string top_path = std::string(deploy_folder) + "/" + to_hex(image);
  const NodeId top = *find(state, top_path);
  Node link;
  link.content = Symlink{"../../os/default/var"};
  const NodeId var = state.add(std::move(link));
  state[top].directory()->children.emplace("var", var);
  NodeContent contents = contents_in(store);
  if (carried != nullptr) {
    const NodeId first = graft(state, *find(state, top_path + "/" + *kept_etc_folder(etc)), carried->merge.tree);
    contents = merged_contents(carried->merge, carried->here, store, first);
  }
  if (::mkdirat(parent.get(), name.c_str(), 0700) < 0) throw os_error("creating a directory");
  write_tree(open_beneath(parent, name, O_RDONLY | O_DIRECTORY), state, top, contents);
}

void make_state_directory(const Fd& sysroot, const Tree& tree, const ObjectStore& store, const Digest& image,
                          const std::string& etc, const CarriedEtc* carried) {
  during("state of image " + to_hex(image), [&] {
    const Fd deployments = open_deployments(sysroot);
    const std::string name = to_hex(image);
    if (try_open_beneath(deployments, name, O_PATH)) return;
    const Fd workshop = open_workshop(sysroot);
    const std::string temporary = temporary_name();
    try {
      write_state(workshop, temporary, tree, store, image, etc, carried);
      rename_new(workshop, temporary, deployments, name);
    } catch (const Error&) {
      remove_tree(workshop, temporary);
      throw;
    }
  });
}

void remove_state_directory(const Fd& sysroot, const Digest& image) {
  during("state of image " + to_hex(image), [&] {
    const auto deployments = try_open_beneath(sysroot, deploy_folder, O_RDONLY | O_DIRECTORY);
    if (!deployments || !try_open_beneath(*deployments, to_hex(image), O_PATH)) return;
    const Fd workshop = open_workshop(sysroot);
    const std::string temporary = temporary_name();
    rename_new(*deployments, to_hex(image), workshop, temporary);  // gone at once, not piece by piece
    remove_tree(workshop, temporary);
  });
}

void remove_unfinished_state(const Fd& sysroot) {
  const Fd workshop = open_workshop(sysroot);
  for (const DirectoryEntry& entry : list_directory(workshop)) {
    if (!is_temporary_name(entry.name)) continue;
    if (entry.type == EntryType::directory) {
      remove_tree(workshop, entry.name);
    } else if (::unlinkat(workshop.get(), entry.name.c_str(), 0) < 0 && errno != ENOENT) {
      throw os_error("removing " + quoted(entry.name));
    }
  }
}

}  // namespace sealroot
