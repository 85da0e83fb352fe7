// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Which images a system may boot, for gc: those that UKIs and boot entries name, and those that have state.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"
#include "store/core/fd.hpp"
#include "store/listing.hpp"

namespace sealroot {

/// The digests in the command lines of all UKIs below EFI/Linux and of all entries in loader/entries of an ESP (or
/// XBOOTLDR partition), each once and in order. UKIs and entries without a digest boot something else.
///   throws   Error naming the file: a UKI that can't be read, a digest that is none, a UKI that an entry names and
///            that is missing; Error{missing} if there is neither folder, which then is no ESP
std::vector<Digest> digests_on_esp(const Fd& esp);

/// Calls `read` with what stands in a folder of boot entries, and anew as long as entries come, go or get other names
/// meanwhile: systemd-bless-boot takes no lock. Errors of a reading that was overtaken don't count.
///   throws   Error{busy}: the folder never came to rest
void read_at_rest(const Fd& folder, const std::function<void(const std::vector<DirectoryEntry>&)>& read);

/// Whether the content of a program has no beginning: it is empty, or its first 512 bytes are zeros. Whoever writes a
/// boot entry where a power cut must do no harm writes its first sector last; until then nothing can start it.
bool has_no_beginning(ByteView content);

/// The digests that name the folders of `state/deploy`, in order. Error{malformed} for a folder with another name.
std::vector<Digest> digests_of_deployments(const Fd& deploy);

/// Calls `visit` with each line `KEY VALUE` of a boot entry or loader.conf, as the Boot Loader Specification has them.
void read_boot_lines(std::string_view text,
                     const std::function<void(std::string_view key, std::string_view value)>& visit);

/// The digests of `composefs.digest=` and `composefs=` of a kernel command line. Error{malformed}: not a digest.
std::vector<Digest> digests_in_command_line(std::string_view text);

}  // namespace sealroot
