//! Who wrote a journal, with what, and how it ended.

use crate::entry::Hash;
use serde::{Deserialize, Serialize};

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// At work, or died at work and nobody has looked yet.
    Running,
    /// Ended in good order.
    Ended,
    /// Died; its journal was whole and its successor has taken over.
    CrashedRecovered,
    /// Its journal is broken; only a person can go on.
    Quarantined,
}

impl Status {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Running => "running, or died and not recovered yet",
            Self::Ended => "ended in good order",
            Self::CrashedRecovered => "died; its successor has taken over",
            Self::Quarantined => "quarantined: its journal is broken",
        }
    }
}

/// A plugin that took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRow {
    /// Id.
    pub id: String,
    /// Version.
    pub version: String,
    /// SHA-256 of its library.
    pub sha256: Hash,
    /// Version of the contract that it speaks.
    pub abi: u32,
}

/// What a run was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name of the run and of its file; later runs sort later.
    pub run: String,
    /// The run whose work this one goes on with.
    pub parent: Option<String>,
    /// Hash of the parent's last entry: the chain goes on through it.
    pub parent_head: Option<Hash>,
    /// Number in client order ids: seconds since 2020 when the run began, and above its parent's.
    pub epoch: u32,
    /// `paper`, `live`, `shadow`, `read-only`; shown to people.
    pub mode: String,
    /// Version of the program.
    pub version: String,
    /// Compiler.
    pub rustc: String,
    /// SHA-256 of the program's file.
    pub binary: Hash,
    /// SHA-256 of the settings.
    pub config: Hash,
    /// SHA-256 of the strategy and its scripts.
    pub rules: Hash,
    /// Plugins.
    pub plugins: Vec<PluginRow>,
    /// Seed of whatever is simulated.
    pub seed: u64,
    /// Start, ns since 1970.
    pub started_ns: i64,
    /// End, ns since 1970.
    pub ended_ns: Option<i64>,
    /// How it stands.
    pub status: Status,
    /// Why, in a line; for a quarantine the first break.
    pub note: String,
}

/// Version of the layout above, before its bytes.
const SCHEMA: u16 = 1;

impl Manifest {
    /// A manifest of that run with nothing else in it.
    #[must_use]
    pub fn new(run: &str, epoch: u32, started_ns: i64) -> Self {
        Self {
            run: run.to_owned(),
            parent: None,
            parent_head: None,
            epoch,
            mode: String::new(),
            version: String::new(),
            rustc: String::new(),
            binary: Hash::default(),
            config: Hash::default(),
            rules: Hash::default(),
            plugins: Vec::new(),
            seed: 0,
            started_ns,
            ended_ns: None,
            status: Status::Running,
            note: String::new(),
        }
    }

    /// What the first entry's chain starts from: the run's name and its parent's last hash.
    #[must_use]
    pub fn seed_hash(&self) -> Hash {
        let mut bytes = b"alula journal 1\n".to_vec();
        bytes.extend_from_slice(self.run.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.parent_head.unwrap_or_default().0);
        Hash::of(&bytes)
    }

    /// As bytes, with a hash of them in front.
    ///
    /// # Errors
    /// When it cannot be encoded, which no value of this type causes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, postcard::Error> {
        let body = postcard::to_stdvec(self)?;
        let mut out = SCHEMA.to_le_bytes().to_vec();
        out.extend_from_slice(&Hash::of(&body).0);
        out.extend_from_slice(&body);
        Ok(out)
    }

    /// From bytes.
    ///
    /// # Errors
    /// In a line, when they are no manifest, or not as they were written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (schema, rest) = bytes.split_first_chunk::<2>().ok_or("it is too short")?;
        let schema = u16::from_le_bytes(*schema);
        if schema != SCHEMA {
            return Err(format!(
                "its layout is version {schema}, which this program does not know"
            ));
        }
        let (hash, body) = rest.split_first_chunk::<32>().ok_or("it is too short")?;
        if Hash::of(body).0 != *hash {
            return Err("its hash does not fit its bytes".to_owned());
        }
        postcard::from_bytes(body).map_err(|e| e.to_string())
    }
}
