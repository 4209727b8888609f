# `cpack -G DEB` in the build folder makes a package of Debian: the installed copy below /usr, with what the programs link as dependencies
# (dpkg-shlibdeps). Wheels are not in it: the fetched packages lie where ONIC_CACHE says.
set(CPACK_PACKAGE_NAME onic)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "the onic developers <onic@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "reinforcement learning with language feedback, distributed")
set(CPACK_PACKAGE_DESCRIPTION
  "Actors play environments and say in words what happened; a learner trains
on what they play; a reward server asks a language model, a sentence model or
rules what the words are worth. Needs a CPU with AVX2.")
set(CPACK_GENERATOR DEB)
set(CPACK_SET_DESTDIR ON) # units of systemd name the programs by the prefix
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libopenblas0-pthread | libopenblas0") # loaded by name (common/nn/blas.c), which no tool sees
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "python3, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "ffmpeg, gnuplot, python3-pip")
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
include(CPack)
# Debian wants the licence under this name, and the change log compressed.
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/onic RENAME copyright)
