//! Labels of dimension values.
//!
//! Owns the look-up in the tables `dimensions.yaml` names. A value without a label keeps none.

use std::collections::HashMap;

use hub_domain::Error;
use hub_domain::metric::{Dimension, MetricsRow};

use crate::readers::Source;
use crate::readers::decode::rows;

/// Labels of some dimensions.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    by_dimension: HashMap<String, HashMap<String, String>>,
}

/// The SQL that reads the labels of `dimension`; none when it has no label table.
pub(crate) fn label_sql(dimension: &Dimension) -> Option<String> {
    let table = dimension.label_table.as_deref()?;
    let key = dimension.label_key.as_deref()?;
    let label = dimension.label_column.as_deref()?;
    Some(format!("select {key} as key, {label} as label from hub.{table}"))
}

/// Loads the labels of `dimensions`.
pub(crate) async fn load(source: &dyn Source, dimensions: &[String]) -> Result<Labels, Error> {
    let catalogue = &source.definitions().catalogue;
    let loading = dimensions.iter().filter_map(|id| {
        let sql = label_sql(catalogue.dimension(id).ok()?)?;
        Some(async move {
            let batches = source.fetch(&sql, Vec::new()).await?;
            let mut labels = HashMap::new();
            for row in rows(&batches) {
                if let (Some(key), Some(label)) = (row.text_opt("key")?, row.text_opt("label")?) {
                    labels.insert(key.to_owned(), label.to_owned());
                }
            }
            Ok::<_, Error>((id.clone(), labels))
        })
    });
    let mut by_dimension: HashMap<String, HashMap<String, String>> =
        futures::future::try_join_all(loading).await?.into_iter().collect();
    for dimension in dimensions.iter().filter_map(|id| catalogue.dimension(id).ok()) {
        let fixed = dimension.labels.iter().map(|(key, label)| (key.clone(), label.clone()));
        by_dimension.entry(dimension.id.clone()).or_default().extend(fixed);
    }
    Ok(Labels { by_dimension })
}

impl Labels {
    /// The label of one value.
    pub(crate) fn get(&self, dimension: &str, value: Option<&str>) -> Option<String> {
        self.by_dimension.get(dimension)?.get(value?).cloned()
    }

    /// Writes labels into rows.
    pub(crate) fn put(&self, rows: &mut [MetricsRow]) {
        for dimension in rows.iter_mut().flat_map(|row| &mut row.dimensions) {
            dimension.label = self.get(&dimension.id, dimension.value.as_deref());
        }
    }
}
