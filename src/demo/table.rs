//! The source tables the demo writes: their contract (`schema/sources/*.yaml`), the canonical
//! name the hub gives them, and how exports are split. Knows nothing of the rows' meaning.
use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::error::Error;

/// One of the three systems of the demo group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Hospital information system: a SQLite database.
    His,
    /// Customer relationship management: GB18030 CSV exports.
    Crm,
    /// Finance ledger: UTF-8 CSV files.
    Ledger,
}

impl Source {
    /// Folder and source id.
    pub fn name(self) -> &'static str {
        match self {
            Self::His => "his",
            Self::Crm => "crm",
            Self::Ledger => "ledger",
        }
    }
}

macro_rules! tabs {
    ($($tab:ident $source:ident $name:literal $canonical:literal $split:expr;)*) => {
        /// Every table of every source.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Tab { $($tab),* }

        /// All tables in writing order.
        pub(crate) const TABS: &[Tab] = &[$(Tab::$tab),*];

        impl Tab {
            pub(crate) fn source(self) -> Source {
                match self { $(Self::$tab => Source::$source),* }
            }

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$tab => $name),* }
            }

            /// The canonical table its accepted rows become.
            pub(crate) fn canonical(self) -> &'static str {
                match self { $(Self::$tab => $canonical),* }
            }

            /// Column whose month names the export file, when the export is monthly.
            pub(crate) fn split(self) -> Option<usize> {
                match self { $(Self::$tab => $split),* }
            }
        }
    };
}

tabs! {
    Org His "t_org" "org_unit" None;
    Staff His "t_ry" "practitioner" None;
    Item His "t_xm" "item" None;
    PackageItem His "t_tcmx" "package_item" None;
    Record His "t_br" "patient_record" None;
    Relation His "t_brgx" "person_relation" None;
    Appointment His "t_yy" "appointment" None;
    Visit His "t_jz" "visit" None;
    Encounter His "t_jzmx" "encounter" None;
    Consult His "t_zx" "consult" None;
    Plan His "t_fa" "treatment_plan" None;
    PlanItem His "t_famx" "treatment_plan_item" None;
    Order His "t_sfd" "sales_order" None;
    Line His "t_sfmx" "charge_line" None;
    Payment His "t_sk" "payment" None;
    Allocation His "t_skfp" "payment_allocation" None;
    Refund His "t_tf" "refund" None;
    Balance His "t_ye" "account_txn" None;
    Entitlement His "t_qy" "entitlement" None;
    Redemption His "t_xh" "redemption" None;
    Procedure His "t_cz" "procedure" None;
    Step His "t_lc" "sop_event" None;
    FollowUp His "t_hf" "followup_task" None;
    Complaint His "t_ts" "complaint" None;
    Adverse His "t_blsj" "adverse_event" None;
    Survey His "t_dc" "survey_response" None;
    Customer Crm "customer" "customer_record" None;
    Channel Crm "channel" "channel" None;
    Campaign Crm "campaign" "campaign" None;
    Spend Crm "spend" "channel_spend" Some(1);
    Lead Crm "lead" "lead" Some(5);
    LeadEvent Crm "lead_event" "lead_status_event" Some(4);
    Touch Crm "touch" "touchpoint" Some(8);
    Referral Crm "referral" "referral" None;
    Tag Crm "tag" "person_tag" None;
    Consent Crm "consent" "consent" None;
    Account Ledger "account" "account" None;
    CostEntry Ledger "cost_entry" "cost_entry" Some(1);
    LabourHours Ledger "labour_hours" "labour_hours" Some(1);
    DriverValue Ledger "driver_value" "driver_value" Some(1);
    Budget Ledger "budget" "budget_line" None;
    Target Ledger "target" "target" None;
    ItemStandard Ledger "item_standard" "item_time_std" None;
    Material Ledger "material" "material" None;
    ItemMaterial Ledger "item_material" "item_material_std" None;
    Purchase Ledger "purchase" "purchase_line" Some(1);
    MaterialUsage Ledger "material_usage" "material_usage" Some(0);
}

/// A column of a source table as its contract declares it.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// Declared type of a source column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Decimal { precision: u8, scale: u8 },
    Date,
    Timestamp,
}

/// A source table's contract.
#[derive(Clone, Debug)]
pub(crate) struct Contract {
    pub(crate) columns: Vec<Column>,
    /// Positions of the key columns.
    pub(crate) key: Vec<usize>,
}

impl Tab {
    /// The contract of this table.
    pub(crate) fn contract(self) -> &'static Contract {
        &CONTRACTS[self as usize]
    }
}

static CONTRACTS: LazyLock<Vec<Contract>> =
    LazyLock::new(|| read_contracts().expect("the embedded source contracts are valid"));

const YAML: [(&str, &str); 3] = [
    ("his", include_str!("../../schema/sources/his.yaml")),
    ("crm", include_str!("../../schema/sources/crm.yaml")),
    ("ledger", include_str!("../../schema/sources/ledger.yaml")),
];

#[derive(Deserialize)]
struct SourceYaml {
    tables: Pairs<TableYaml>,
}

#[derive(Deserialize)]
struct TableYaml {
    key: Vec<String>,
    columns: Pairs<String>,
}

/// A mapping in document order: column order is part of a contract.
struct Pairs<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Ordered<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Ordered<T> {
            type Value = Pairs<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        from.deserialize_map(Ordered(std::marker::PhantomData))
    }
}

fn read_contracts() -> Result<Vec<Contract>, Error> {
    let mut sources = Vec::new();
    for (name, text) in YAML {
        let parsed: SourceYaml = serde_saphyr::from_str(text)
            .map_err(|err| Error::Contract { source_name: name, reason: err.to_string() })?;
        sources.push((name, parsed));
    }
    TABS.iter().map(|tab| contract_of(*tab, &sources)).collect()
}

fn contract_of(tab: Tab, sources: &[(&'static str, SourceYaml)]) -> Result<Contract, Error> {
    let missing = |what: &str| Error::Contract {
        source_name: tab.source().name(),
        reason: format!("table `{}` lacks {what}", tab.name()),
    };
    let table = sources
        .iter()
        .filter(|(name, _)| *name == tab.source().name())
        .flat_map(|(_, yaml)| &yaml.tables.0)
        .find(|(name, _)| name == tab.name())
        .map(|(_, table)| table)
        .ok_or_else(|| missing("its declaration"))?;
    let columns: Vec<Column> = table
        .columns
        .0
        .iter()
        .map(|(name, kind)| Column { name: name.clone(), kind: kind_of(kind) })
        .collect();
    let key = table
        .key
        .iter()
        .map(|key| columns.iter().position(|column| &column.name == key))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| missing("a key column"))?;
    Ok(Contract { columns, key })
}

fn kind_of(text: &str) -> Kind {
    let text = text.trim_end_matches('?');
    match text {
        "int64" => Kind::Int,
        "date" => Kind::Date,
        "timestamp" => Kind::Timestamp,
        _ => match text.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')) {
            Some(inner) => {
                let mut parts = inner.split(',').map(|part| part.trim().parse().unwrap_or(0));
                let precision = parts.next().unwrap_or(38);
                Kind::Decimal { precision, scale: parts.next().unwrap_or(0) }
            }
            None => Kind::Text,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_contract_with_a_key() {
        for tab in TABS {
            let contract = tab.contract();
            assert!(!contract.key.is_empty(), "{}", tab.name());
            assert!(contract.columns.len() > 2);
        }
        let patient = Tab::Record.contract();
        assert_eq!(patient.columns[1].name, "blh");
        assert_eq!(patient.columns[18].kind, Kind::Timestamp);
    }
}
