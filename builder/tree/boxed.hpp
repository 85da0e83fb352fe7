// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What nearly all nodes of a tree lack, so that a million of them do not pay for it.
#pragma once

#include <memory>
#include <new>
#include <utility>

#include "store/core/spill_memory.hpp"

namespace sealroot {

/// A container that is mostly empty: it takes the room of a pointer then. Copies are copies of its elements.
template <typename T>
class Boxed {
 public:
  Boxed() = default;
  Boxed(T value) { *this = std::move(value); }
  Boxed(const Boxed& other) : value_(other.value_ ? make(*other.value_) : nullptr) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(const Boxed& other) { return *this = Boxed(other); }
  Boxed& operator=(Boxed&&) noexcept = default;
  ~Boxed() = default;

  bool empty() const { return !value_ || value_->empty(); }

  const T& get() const {
    static const T none;
    return value_ ? *value_ : none;
  }

  /// For changes; the box of an element that was never added costs as much as one that was.
  T& edit() {
    if (!value_) value_ = make(T());
    return *value_;
  }

  Boxed& operator=(T value) {
    value_ = value.empty() ? nullptr : make(std::move(value));
    return *this;
  }

  friend bool operator==(const Boxed& left, const T& right) { return left.get() == right; }

 private:
  struct Free {
    void operator()(T* value) const noexcept {
      value->~T();
      free_spillable(value, sizeof(T), alignof(T));
    }
  };
  using Pointer = std::unique_ptr<T, Free>;

  template <typename Value>
  static Pointer make(Value&& value) {
    return Pointer(new (allocate_spillable(sizeof(T), alignof(T))) T(std::forward<Value>(value)));
  }

  Pointer value_;
};

}  // namespace sealroot
