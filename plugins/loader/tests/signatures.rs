//! Signatures of publishers. Key and signatures were made by `tests/fixtures/minisign.py`, with another implementation.
// Says to clippy that all of this is test code, helpers included.
#![cfg(test)]
#![cfg(unix)]

use alula_plugin_loader::{Kind, LOCK_NAME, LoadError, Lock, Pin, Refusal, load, sha256};
use std::fs;
use std::path::PathBuf;

const FILE: &[u8] = b"these bytes stand for a library\n";
const PUBLISHER: &str = "RWQAAQIDBAUGB+pKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
const OTHER: &str = "RWQAAQIDBAUGBxOY9ixtGkV8UbpqS189vS9p/KkyFiGNyJl+QWvRfZPK";
const GOOD: &str = "untrusted comment: signature of a test
RUQAAQIDBAUGByXFKtr17r5ON+HutJj/SRcGCdjg3VfMCfGkDjkHwFLiv8NRQJNKUh9HcvmXDdTPbTmXVRSYN84NPgrNL4r1Xg0=
trusted comment: alula-plugin probe 1.0.0
0Ssx4f3k9frUIi5M7gCgzS74dF9dbzKvn1jQd2/CkzSqQtsldM/wVTMjp2q+3kV7F9MxKIPWC7Funp9HNjtMAg==
";
const ANOTHER_PLUGIN: &str = "untrusted comment: signature of a test
RUQAAQIDBAUGByXFKtr17r5ON+HutJj/SRcGCdjg3VfMCfGkDjkHwFLiv8NRQJNKUh9HcvmXDdTPbTmXVRSYN84NPgrNL4r1Xg0=
trusted comment: alula-plugin breadth 1.0.0
hi88uu95s4REVqiHXhM8gy8lDj9vBdCLAKFM0TWnGAF+fermqnLAW35iypvErVM/4Fc6aLZPklDluNpFPduSCA==
";
const LEGACY: &str = "untrusted comment: signature of a test
RWQAAQIDBAUGB8zXOlkPVGYmY86a0/ZEgW3PN+V6DvFC0VG/qlj7PQbM28ShqIKj/kmUCTx277hGsBb0x5HLTYxqbUsNyKymZgQ=
trusted comment: alula-plugin probe 1.0.0
/H569jds2GUSBeaaGHU9LUOz1x5sbVBmLCpaL9D7T4WjloN6MQ1zvPFtiZdmjKNCe9udEDDPp8Py3d7KJwlsDQ==
";
const OTHER_BYTES: &str = "untrusted comment: signature of a test
RUQAAQIDBAUGB9Uv86yEdpNBLhTKEheZ5j4Hp+c0mSKOzFDu4ydGvZ8r8yJjcAi2sP6Wb1dNeD6LmLiaOaTQP1JtHwTHNl8diQk=
trusted comment: alula-plugin probe 1.0.0
HxZh6iib3MV0N/l1ykZoleMw8siWql+4hIdv5OVTThaMYW4cetkdWsP3PqxKQKsQuXoI5PRxsIlefhm2tqVQBA==
";

/// Loads the bytes, pinned with a publisher, with this signature beside them.
fn loaded(publisher: &str, signature: Option<&str>) -> LoadError {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("probe.so"), FILE).unwrap();
    if let Some(text) = signature {
        fs::write(dir.path().join("probe.so.minisig"), text).unwrap();
    }
    let mut lock = Lock::empty(dir.path().join(LOCK_NAME));
    lock.set(Pin {
        id: "probe".to_owned(),
        file: PathBuf::from("probe.so"),
        sha256: sha256(FILE),
        kind: Kind::Indicator,
        live: false,
        publisher: Some(publisher.to_owned()),
        policy: alula_plugin_loader::Policy::default(),
    });
    fs::write(&lock.path, lock.text()).unwrap();
    let lock = Lock::read(&lock.path).unwrap();
    load(&lock, "probe", &dir.path().join("cache")).unwrap_err()
}

#[test]
fn a_library_is_opened_only_if_its_publisher_signed_it_as_this_plugin() {
    // Signed as it should be: what is refused then is that these bytes are no library.
    let good = loaded(PUBLISHER, Some(GOOD));
    if cfg!(target_os = "linux") {
        assert_eq!(good.refusal, Refusal::Format, "{}", good.what);
    }
    let mut flipped = GOOD.to_owned();
    flipped.replace_range(60..61, if &GOOD[60..61] == "A" { "B" } else { "A" });
    let comment = GOOD.replace("1.0.0", "9.0.0");
    for (publisher, signature, why) in [
        (PUBLISHER, Some(ANOTHER_PLUGIN), "not as plugin `probe`"),
        (PUBLISHER, Some(LEGACY), "is not signed by"),
        (PUBLISHER, Some(OTHER_BYTES), "is not signed by"),
        (OTHER, Some(GOOD), "is not signed by"),
        (PUBLISHER, Some(flipped.as_str()), "is not signed by"),
        (PUBLISHER, Some(comment.as_str()), "is not signed by"),
        (PUBLISHER, Some("nonsense"), "no file of minisign"),
    ] {
        let refused = loaded(publisher, signature);
        assert_eq!(refused.refusal, Refusal::Signature);
        assert!(refused.what.contains(why), "{}", refused.what);
        assert!(refused.help.unwrap().contains("minisign -S"));
    }
    assert_eq!(loaded(PUBLISHER, None).refusal, Refusal::File);
}
