//! Signatures of publishers: minisign, over a hash of the bytes, with the plugin's name in the comment that is signed too.

use crate::error::{LoadError, Refusal};
use minisign_verify::{PublicKey, Signature};

/// What stands after a library's name in the name of its signature's file.
pub const EXTENSION: &str = "minisig";
/// Largest file of a signature.
pub const BYTES_MAX: u64 = 4096;
/// First word of the signed comment; the plugin's name is the second one.
const COMMENT: &str = "alula-plugin";

/// Whether a text is a public key of minisign.
#[must_use]
pub fn is_key(text: &str) -> bool {
    PublicKey::from_base64(text).is_ok()
}

/// Checks that a publisher signed these bytes as the plugin of this name.
///
/// # Errors
/// When it did not, or signed them as something else.
pub fn verify(publisher: &str, id: &str, bytes: &[u8], signature: &str) -> Result<(), LoadError> {
    let wrong = |why: String| {
        LoadError::new(Refusal::Signature, why).help(format!(
            "ask its publisher for a library signed so: `minisign -Sm FILE -t \"{COMMENT} {id} VERSION\"`"
        ))
    };
    let key = PublicKey::from_base64(publisher)
        .map_err(|_| wrong(format!("`{publisher}` is no public key of minisign")))?;
    let signature =
        Signature::decode(signature).map_err(|_| wrong("its signature is no file of minisign".to_owned()))?;
    // Only signatures over a hash of the bytes: the older kind is not read.
    key.verify(bytes, &signature, false)
        .map_err(|_| wrong(format!("it is not signed by `{publisher}`")))?;
    let mut words = signature.trusted_comment().split_whitespace();
    let named = (words.next(), words.next());
    if named == (Some(COMMENT), Some(id)) {
        return Ok(());
    }
    Err(wrong(format!(
        "it is signed as `{}`, not as plugin `{id}`",
        signature.trusted_comment()
    )))
}
