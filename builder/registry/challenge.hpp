// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What a registry that wants to know who asks says in its header WWW-Authenticate. Source: RFC 9110, section 11.6.1.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sealroot {

struct Challenge {
  std::string scheme;                             // lower case: `basic`, `bearer`
  std::map<std::string, std::string> parameters;  // names in lower case; of two equal ones the first
};

/// The challenges of one header, in its order; what is not one ends the list.
std::vector<Challenge> parse_challenges(std::string_view header);

}  // namespace sealroot
