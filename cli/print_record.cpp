// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "cli/print_record.hpp"

#include <iostream>

#include <nlohmann/json.hpp>

namespace sealroot {

namespace {

std::string text_of(const nlohmann::ordered_json& record, int indent) {
  return record.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

void print_record(const nlohmann::ordered_json& record) { std::cout << text_of(record, 2) << '\n'; }

std::string record_line(const nlohmann::ordered_json& record) { return text_of(record, -1); }

}  // namespace sealroot
