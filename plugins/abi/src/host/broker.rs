//! A broker at work: everything that it says is checked, and it is dead after the first thing that is wrong.

mod connection;
mod info;

pub use connection::{Connection, Submitted};
pub use info::{BrokerInfo, SettingInfo, SettingKind, SettingValue};

use super::table::{Slot, contract, plain, read, size};
use super::{Fault, FaultKind};
use crate::raw;
use connection::Calls;
use info::info;
use std::collections::BTreeSet;
use std::ffi::CString;
use std::ptr;
use std::sync::Arc;

/// Most brokers in a plugin.
const BROKERS_MAX: u32 = 16;

/// The host's services, which outlive every broker.
#[derive(Clone, Copy, Debug)]
struct Services(*const raw::Host);

// SAFETY: an immutable table whose functions may be called from any thread, by the contract.
unsafe impl Send for Services {}
// SAFETY: as for `Send`.
unsafe impl Sync for Services {}

/// A plugin's brokers; none by default.
#[derive(Clone, Debug, Default)]
pub struct Brokers {
    made_by: Option<(raw::CreateBroker, Services)>,
    brokers: Vec<Arc<BrokerInfo>>,
}

impl Brokers {
    /// Reads the tables of a factory.
    ///
    /// # Errors
    /// When they are not as the contract says.
    ///
    /// # Safety
    /// `factory` is null, or leads to a factory that obeys `alula_plugin.h` in a library that is never unloaded; `host` leads to
    /// services that last as long as the process.
    pub unsafe fn new(factory: *const raw::BrokerFactory, host: *const raw::Host) -> Result<Self, Fault> {
        // SAFETY: by the caller's promise.
        let table = unsafe { read(factory, "the factory of brokers") }?;
        let (Some(describe), Some(create)) = (table.describe, table.create) else {
            return Err(contract(
                "the factory of brokers has no `describe` or no `create`",
            ));
        };
        if table.count == 0 || table.count > BROKERS_MAX {
            return Err(contract(format!("the factory has {} brokers", table.count)));
        }
        let mut brokers: Vec<Arc<BrokerInfo>> = Vec::new();
        for index in 0..table.count {
            // SAFETY: a function of the plugin called as the header says; what it leads to is read as far as it says it goes.
            let info = unsafe { info(&read(describe(index), "a description of a broker")?) }?;
            if brokers.iter().any(|b| b.id == info.id) {
                return Err(contract(format!("`{}` is there twice", info.id)));
            }
            brokers.push(Arc::new(info));
        }
        Ok(Self {
            made_by: Some((create, Services(host))),
            brokers,
        })
    }

    /// What it offers.
    #[must_use]
    pub fn brokers(&self) -> &[Arc<BrokerInfo>] {
        &self.brokers
    }

    /// The broker of a name.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Arc<BrokerInfo>> {
        self.brokers.iter().find(|b| b.id == id)
    }

    /// A broker with these settings, as words; those that are not named have their defaults.
    ///
    /// # Errors
    /// A setting that is not known, not given or out of range; or the plugin's refusal.
    pub fn open(&self, info: &Arc<BrokerInfo>, settings: &[(String, String)]) -> Result<Connection, Fault> {
        let refuse = |text: String| Fault::new(FaultKind::Parameters, text);
        let mut values = Vec::new();
        for (at, (name, words)) in settings.iter().enumerate() {
            let Some(setting) = info.settings.iter().find(|s| s.name == *name) else {
                let known: Vec<String> = info.settings.iter().map(|s| format!("`{}`", s.name)).collect();
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                return Err(refuse(format!(
                    "`{}` has no setting `{name}`; it has {known}",
                    info.id
                )));
            };
            if settings.iter().take(at).any(|(n, _)| n == name) {
                return Err(refuse(format!("`{name}` is given twice")));
            }
            values.push((name.clone(), setting.parse(words)?));
        }
        let missing = info
            .settings
            .iter()
            .find(|s| s.default_words().is_none() && !values.iter().any(|(n, _)| *n == s.name));
        if let Some(missing) = missing {
            return Err(refuse(format!(
                "`{}` needs a `{}`: {}",
                info.id, missing.name, missing.doc
            )));
        }
        self.try_open(info, &values)
    }

    /// As [`Brokers::open`], with whatever is given: for checks of what a plugin refuses.
    ///
    /// # Errors
    /// The plugin's refusal.
    pub fn try_open(
        &self,
        info: &Arc<BrokerInfo>,
        values: &[(String, SettingValue)],
    ) -> Result<Connection, Fault> {
        let (create, host) = self.made_by.ok_or_else(|| contract("it has no brokers"))?;
        let no_zero = |text: &str| CString::new(text).map_err(|_| contract("a name has a zero in it"));
        let id = no_zero(&info.id)?;
        let names: Vec<CString> = values.iter().map(|(n, _)| no_zero(n)).collect::<Result<_, _>>()?;
        let rows: Vec<raw::Setting> = values
            .iter()
            .zip(&names)
            .map(|((_, value), name)| {
                let text = match value {
                    SettingValue::Text(text) => text.as_str(),
                    _ => "",
                };
                raw::Setting {
                    struct_size: size(size_of::<raw::Setting>()),
                    kind: match value {
                        SettingValue::Whole(_) => raw::SETTING_I64,
                        SettingValue::Number(_) => raw::SETTING_F64,
                        SettingValue::Text(_) => raw::SETTING_STR,
                    },
                    name: name.as_ptr(),
                    i: if let SettingValue::Whole(i) = value { *i } else { 0 },
                    f: if let SettingValue::Number(f) = value {
                        *f
                    } else {
                        0.0
                    },
                    s: raw::Str {
                        ptr: text.as_ptr().cast(),
                        len: text.len() as u64,
                    },
                }
            })
            .collect();
        let pointers: Vec<*const raw::Setting> = rows.iter().map(ptr::from_ref).collect();
        let (mut this, mut vtbl, mut slot) = (ptr::null_mut(), ptr::null(), Slot::new());
        let count = u32::try_from(pointers.len()).unwrap_or(u32::MAX);
        // SAFETY: `create` as the header says: all pointers lead to values that live through the call, the host's for ever.
        let status = unsafe {
            create(
                id.as_ptr(),
                pointers.as_ptr(),
                count,
                host.0,
                &raw mut this,
                &raw mut vtbl,
                slot.clear(),
            )
        };
        plain("making the broker")?;
        slot.made(status, this, "broker")?;
        // SAFETY: the table that came with the broker, read as far as it says it goes.
        let calls = unsafe { Calls::read(vtbl, info.caps) }?;
        Ok(Connection {
            this,
            calls,
            slot,
            info: Arc::clone(info),
            dead: None,
            asked: BTreeSet::new(),
            giving: None,
        })
    }
}
