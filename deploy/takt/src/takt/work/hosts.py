"""No tracked file names a package registry: whoever runs Takt decides where packages come from.

The names themselves would break the rule, so what is kept here is the sha256 of each.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_DIGESTS = frozenset(
    {
        # Python packages
        "a4aa2ac280bb8d1a0ce7a1be5a7bfb10292b49fe9435ad5cff19f421f3c70e41",
        "8b5bb5eb9d758455b8635855cf8aaf05b68775e3f83f0291e800ef338fb9783c",
        "d6d7019ca9fcbf07c769e445342515ef0c92e4f18a96adbb3bf6460f5b0ba17f",
        "c0a8d8f06413a883f8e3509c9e24229c7174e6c4d3f3ddd2c3e61a3f43e18f26",
        "67855217519deda9bf2532498736373178cac3f405db4487ecf2d5ed06a5b846",
        "83ebc76e70e6df34f73b77b261f634f6a27eb025d40a2ab8613d85b2fefb1531",
        # conda
        "51c6b9f69c48a75b146d2785c3d70d336d5fdce24868f2e22db377d736f2ef24",
        "03eabd6c5c4ff24dcf640c4a5ab812c13b01334ff66f5ff111f66b1ee90c266e",
        "c5e38d0979069fcdc58466a73be3431b97725d8851541d970ea1e124992d1921",
        # Maven
        "317d2d52829b78129d2c9e43d001899f0c8d30968bae00b848a47154df56b0ca",
        "43c04ed1dabe979b9c552549bf0ab023abd3e1cc6d5ff7f42cfa2296b0973a67",
        "4f3b07ac03184c0d25a86dbf6cb8e364a7ccc834406ce6785a712051638b8ca9",
        "c3db8466ffcd858989be3a43536c07568731e95124fb23850abac30074fac4f3",
        "51d88047516dce0edd2a91f80416c2085a36f2b67d5cda7ae1fee45ca36aeecb",
        "a242216bc91a612b0d08da08f58fe2ff86ab1341b1a2ea8fa1974378093e3786",
        "e0fdcc94a2080e5e3da6e1544afce0ba1d89c5f4b82c62abc7b77590e2d529ff",
        "b7bab658d63c0aeb5ca803c4c498b8201ff2dee954bb7ac067b1f073db1a6618",
        "a5901d8d10f560b5a4f06a26ed14dd49f0625ea04e264129c9cfabb02b28b152",
        "4f247acdba6480ead77619606edee0be30f80bc591df5f8b4ff1d4f2b6f601e1",
        "f483c1237e51a1fae39e9aab3bda3727ac5af2744594ddc28875711f30d43f9d",
        "e6504bb27d9679448802ba661c36186a573a50107a454dc3ec2d7921a88e0867",
        # npm
        "0dc11026ac75c015aaa1deafff4a7a54ef6d0cf6b3c7f9b1d2c8f3502929aa9e",
        "8743857e3ea00fd1c64bbc68b8af241954ad2c285e7a60340eec7ea5dcb200db",
        "3ca29e55be4befa48f875d24c27f9bed32fe06588819ed6264084b6670a1ebb0",
        "87d14f070cb9686970d008f9f94e668075fd37620381409858bf040ae1271d51",
        "fad691c6d9ae77c43a007ead29eea7edae34413791f7e8e2c975f2278c6a939f",
        "386c042daaf7f1eb6ebb565150082bfb4531a77ec75b31abacfe3857a29a211c",
        # files for browsers
        "e2dd3580aeebec6412c05eea976bbe4ceaf03cac38d78d6f77ee0cc0807c1101",
        "9c6b05022d03bb0559d856fbea303f3b278bd3a993531bd7a46fe71804243830",
        "88bb79fa6efc5d55c70ed478e2e48f058c387b77c4e99ad1f73b9a5bfa237d2c",
        "394bc662b64ea8fc3b2d1ac7a664e82f77520cf08c7ab54b2baff3991ee14042",
        "f6f372f868cf5e20e9fc67d9bc42c09f1955d7f55eddd3d71250831769d64c42",
        # Debian and Ubuntu
        "e680c440a2e92079ab1bf7a927e8d3920f1bcd173c0487e28e020110b2e59efc",
        "1ba4e37997a2e986efa6cd844e43fd25b9e816359d31612baa9c18b71e3b5294",
        "c2b35955576ffa710bfb7c4e5de8141335829cb1333377cbaf7daaeff9647b35",
        "4b602daf23ba29744134c9ed719fd67273a10391723afb78376c9aa5663e8396",
        "2e97613f5a81eaa4f8a58f552a005713c0c8f333e026efb7771ad28429532374",
        "a0f007d863a0ed19c5bd996ef6eaab194af2f1ac685c0f71a75270a0366f8983",
        "e514b0d3b0562f54b6622ba95659592c26a4f6473677346ffba9e876eee160ef",
        "62f256676f138898cceaf949b873418772bcd271961225c6de34f6443d2c6ccb",
        "4a8b734fb5be77bc1ea26f7e3d94c83cea4cbd290d3f70f6a4a38b6af2bae501",
        "ad41c2b07d1538e576df1442747ba285a2a6bcf9115674686c3af13ecde72e54",
        # Rust crates
        "789e46d79514e28093cabe2bb4a0798266f584b0e508ef269ebabb6e57859290",
        "6742ce45033ee24bf4abe569ba1d5aa84ea1811ad0515b4776fb202c3203a709",
        # Go modules
        "00a7dc5a0cc388586b8665846e7d8ae94a6dd096f2aa1aa3b4aab4ac484f998a",
        "9da5f32d964125123cc368f231b473bea59307f811c7b9b2e731601e586b82b5",
        "048e76c14ef34200a2fd1bff13c584ea0770b46ab008f537a9cb62637655eb2b",
        "be57af6b78a7facae64f87c4f9230a273a036b2a192a16104abb469385e28f46",
        # Ruby gems
        "71741fe2460a615058687c4585f665af5e825968e51a512ffb14c6f2684a397d",
    }
)

_HOST = re.compile(r"(?<![\w.-])[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+", re.IGNORECASE)


def registries_in(text: str, more: frozenset[str] = frozenset()) -> Iterator[tuple[int, str]]:
    """(line, host) for every name of a registry, or of a host below one; `more` are further host names."""
    for found in _HOST.finditer(text):
        labels = found[0].lower().split(".")
        names = [".".join(labels[start:]) for start in range(len(labels) - 1)]
        if any(name in more or hashlib.sha256(name.encode()).hexdigest() in _DIGESTS for name in names):
            yield text.count("\n", 0, found.start()) + 1, found[0]


def hosts_of(lock: str) -> frozenset[str]:
    """The named hosts that a local lock fetches from: a private mirror is not named either."""
    return frozenset(re.findall(r"https?://(?:[^/@\"]*@)?([a-z0-9.-]+\.[a-z]+)[:/]", lock.lower()))


def named_in(root: Path, files: Iterable[str], more: frozenset[str] = frozenset()) -> Iterator[str]:
    """One line per place. Files that are not text cannot name anything."""
    for name in files:
        try:
            text = (root / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        for line, host in registries_in(text, more):
            yield f"{name}:{line}: names the package registry {host}"
