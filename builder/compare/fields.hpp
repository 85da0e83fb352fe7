// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The fields of two nodes at the same path that differ.
#pragma once

#include <vector>

#include "builder/compare/compare.hpp"

namespace sealroot {

/// Appends what differs in the nodes themselves: all but how many names they have.
///   returns  false if both contents are named by digests that can't be compared
bool compare_nodes(const Node& before, const Node& after, std::vector<FieldChange>& fields);

/// Whether two files are known to have the same content; nullopt: their digests are of different algorithms.
std::optional<bool> same_content(const RegularFile& before, const RegularFile& after);

/// The path of the object that holds the content, below the object folder; empty if there is none.
std::string object_of(const RegularFile& file);

}  // namespace sealroot
