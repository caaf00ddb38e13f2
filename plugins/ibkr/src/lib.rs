//! Interactive Brokers as a broker plugin: packages as guaranteed combination orders, snapshots, quotes, margins.
//!
//! **Not yet run against a live account.** It is tested against a double of the gateway that speaks the wire on loopback.

pub mod amount;
pub mod broker;
pub mod codes;
pub mod contract;
pub mod desk;
pub mod model;
pub mod order;
pub mod quotes;
pub mod session;
pub mod snapshot;
pub mod stamp;
pub mod tape;

alula_plugin_sdk::export_plugin!(brokers: broker::Paper, broker::Live);

#[cfg(test)]
mod tests {
    use crate::broker::{Live, Paper};
    use alula_plugin_sdk::testing::{broker_conforms, brokers};

    #[test]
    fn both_brokers_pass_the_checks_that_send_nothing() {
        broker_conforms::<Paper>(Vec::new).unwrap();
        broker_conforms::<Live>(Vec::new).unwrap();
    }

    fn made<B: alula_plugin_sdk::Broker>(settings: &[(&str, &str)]) -> Result<(), String> {
        let brokers = brokers::<B>()?;
        let info = brokers.brokers().first().ok_or("no broker")?;
        let settings: Vec<_> = settings
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        brokers.open(info, &settings).map(drop).map_err(|f| f.to_string())
    }

    #[test]
    fn an_account_of_real_money_needs_its_broker_and_its_setting() {
        let real = ("account", "U1234567");
        assert!(made::<Paper>(&[real]).unwrap_err().contains("no paper account"));
        assert!(made::<Live>(&[real]).unwrap_err().contains("no paper account"));
        assert_eq!(made::<Live>(&[real, ("live", "1")]), Ok(()));
        assert_eq!(made::<Paper>(&[("account", "DU1234567")]), Ok(()));
        // The broker for paper does not know the switch at all.
        assert!(made::<Paper>(&[real, ("live", "1")]).is_err());
    }

    #[test]
    fn careless_settings_are_refused_in_words() {
        for (settings, word) in [
            (("combos", "yes"), "guaranteed or may_leg_in"),
            (("host", "my gateway"), "no name or address"),
            (("account", "DU 1"), "is no account"),
            (("port", "0"), "port"),
        ] {
            let why = made::<Paper>(&[settings]).unwrap_err();
            assert!(why.contains(word), "{why}");
        }
    }
}
