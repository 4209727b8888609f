#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What onic is made of, as an SPDX 2.3 document (JSON) on stdout.

  deploy/ci/sbom.py [--build=build]      the four programs: the Debian packages they load, and the wheels they read files from
  deploy/ci/sbom.py --image=onic         a container image: every Debian package in it, the wheels that it has and onic
"""
import argparse, datetime, json, pathlib, re, subprocess, sys, uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ["onic", "onic-actor", "onic-learner", "onic-reward-server"]
FORMAT = r"${Package}\t${Version}\t${Architecture}\t${source:Package}\t${Homepage}\n"
# Loaded at run time (common/nn/blas.c), so the programs do not name it.
LOADED_LATER = ["libopenblas.so.0"]


def output(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def onic_version():
    return re.search(r"project\(onic VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)


def libraries(build):
    found = set()
    for program in PROGRAMS:
        path = build / program
        if not path.exists():
            sys.exit(f"{path} is not there: build onic first, or give --build=DIR")
        found.update(re.findall(r"=> (/\S+)", output("ldd", str(path))))
    cache = output("/sbin/ldconfig", "-p")
    for name in LOADED_LATER:
        for path in re.findall(rf"{re.escape(name)} .*=> (/\S+)", cache)[:1]:
            found.update([path, *re.findall(r"=> (/\S+)", output("ldd", path))])
    return {str(pathlib.Path(p).resolve()) for p in found}


def packages_of(files):
    """dpkg knows a file by the name it was installed as: /usr may be merged into /."""
    known = {name for path in files for name in (path, path.removeprefix("/usr"))}
    done = subprocess.run(["dpkg-query", "-S", *sorted(known)], capture_output=True, text=True)  # complains of the names it does not know
    names = {line.split(": ")[0].split(",")[0] for line in done.stdout.splitlines()}
    return output("dpkg-query", "-W", "-f", FORMAT, *sorted(names))


def packages_in(image):
    return output("docker", "run", "--rm", "--network=none", "--entrypoint=dpkg-query", image, "-W", "-f", FORMAT)


def debian(listing):
    for line in listing.splitlines():
        name, version, architecture, source, homepage = line.split("\t")
        yield {"SPDXID": "SPDXRef-deb-" + re.sub(r"[^A-Za-z0-9.-]", "-", f"{name}-{architecture}"), "name": name, "versionInfo": version,
               "supplier": "Organization: Debian", "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
               "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION", **({"homepage": homepage} if homepage else {}),
               "sourceInfo": f"Debian source package {source}",
               "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                                 "referenceLocator": f"pkg:deb/debian/{name}@{version}?arch={architecture}"}]}


def wheels_in(image):
    return output("docker", "run", "--rm", "--network=none", "--entrypoint=ls", image, "/opt/onic/share/onic/cache").split()


def wheels(purposes, there=None):
    """Those of wheels.txt; there: the folders of those that are in an image."""
    for line in (ROOT / "deploy/lib/wheels.txt").read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        name, version, sha256, *purpose = line.split()
        if purpose and purpose[0] not in purposes or there is not None and f"{name}-{version}" not in there:
            continue
        yield {"SPDXID": f"SPDXRef-wheel-{name}", "name": name, "versionInfo": version, "supplier": "NOASSERTION", "downloadLocation": "NOASSERTION",
               "filesAnalyzed": False, "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
               "checksums": [{"algorithm": "SHA256", "checksumValue": sha256}],
               "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": f"pkg:pypi/{name}@{version}"}]}


def document(name, parts):
    version = onic_version()
    onic = {"SPDXID": "SPDXRef-onic", "name": "onic", "versionInfo": version, "supplier": "NOASSERTION", "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False, "licenseConcluded": "MIT", "licenseDeclared": "MIT", "copyrightText": "NOASSERTION"}
    relation = lambda a, kind, b: {"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
    return {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"{name}-{version}",
            "documentNamespace": f"https://spdx.org/spdxdocs/onic-{version}-{uuid.uuid4()}",
            "creationInfo": {"created": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: deploy/ci/sbom.py"]},
            "packages": [onic, *parts],
            "relationships": [relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-onic"), *(relation("SPDXRef-onic", "DEPENDS_ON", p["SPDXID"]) for p in parts)]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--image")
    args = parser.parse_args()
    listing = packages_in(args.image) if args.image else packages_of(libraries(args.build))
    parts = [*debian(listing), *(wheels([], wheels_in(args.image)) if args.image else wheels(["llm"]))]
    json.dump(document("onic-image" if args.image else "onic", parts), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
