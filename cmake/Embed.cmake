# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
# sealroot_embed(TARGET SYMBOL FILE) puts the bytes of FILE into TARGET, between SYMBOL_begin and SYMBOL_end.
function(sealroot_embed target symbol file)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.S)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
        .section .rodata
        .balign 16
        .global @symbol@_begin
        .global @symbol@_end
@symbol@_begin:
        .incbin "@file@"
@symbol@_end:
        .section .note.GNU-stack,"",%progbits
]])
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${file})
  target_sources(${target} PRIVATE ${source})
endfunction()
