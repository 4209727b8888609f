# What a shell completes, and the pages of `man`, made of the programs' --help once they are built (deploy/docs/completion.py,
# manpages.py). Without Python 3 an installed copy lacks both.
find_package(Python3 3.9 COMPONENTS Interpreter)
if(NOT Python3_FOUND)
  message(STATUS "no completion, no manual: Python 3 is not installed")
  return()
endif()
set(manual ${CMAKE_BINARY_DIR}/manual)
set(programs onic onic-learner onic-actor onic-reward-server)
list(TRANSFORM programs REPLACE "(.+)" "${manual}/\\1.1" OUTPUT_VARIABLE man_pages)
set(completions ${manual}/onic.bash ${manual}/_onic ${manual}/onic.fish)
set(docs ${CMAKE_CURRENT_SOURCE_DIR}/docs)
string(TIMESTAMP today "%Y-%m-%d" UTC)
add_custom_command(OUTPUT ${man_pages} ${completions}
  COMMAND ${Python3_EXECUTABLE} -B ${docs}/completion.py ${CMAKE_BINARY_DIR} ${manual}
  COMMAND ${Python3_EXECUTABLE} -B ${docs}/manpages.py ${CMAKE_BINARY_DIR} ${PROJECT_VERSION} ${today} ${manual}
  DEPENDS ${programs} ${docs}/completion.py ${docs}/manpages.py ${docs}/programs.py ${docs}/generate.py ${CMAKE_CURRENT_SOURCE_DIR}/interface.md
  COMMENT "Completion of shells, and the manual" VERBATIM)
add_custom_target(manual ALL DEPENDS ${man_pages} ${completions})
# Bash looks for a file of the program's name. A build of a program alone has none of it, and nothing to install.
foreach(program ${programs})
  install(FILES ${manual}/onic.bash DESTINATION share/bash-completion/completions RENAME ${program} OPTIONAL)
endforeach()
install(FILES ${manual}/_onic DESTINATION share/zsh/site-functions OPTIONAL)
install(FILES ${manual}/_onic DESTINATION share/zsh/vendor-completions OPTIONAL) # where Debian's zsh looks in /usr
install(FILES ${manual}/onic.fish DESTINATION share/fish/vendor_completions.d OPTIONAL)
install(FILES ${man_pages} DESTINATION share/man/man1 OPTIONAL)
