//! Plain text tables for people: columns aligned, no frames.

/// Aligns `rows` under `head`.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| width(cell)).collect();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            widths[column] = widths[column].max(width(cell));
        }
    }
    let line = |cells: Vec<&str>| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, &wide)| format!("{cell}{}", " ".repeat(wide.saturating_sub(width(cell)))));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(head.to_vec())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

/// Columns a text takes on a terminal: wide characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|letter| if letter as u32 >= 0x1100 { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_letters_take_two_columns() {
        let rows = vec![vec!["到店".to_owned(), "1".to_owned()], vec!["ab".into(), "2".into()]];
        assert_eq!(table(&["n", "v"], &rows), "n     v\n到店  1\nab    2");
    }
}
