//! What campaigns cost day by day. Knows campaigns, not leads.
use crate::cell::{Fen, row};
use crate::dice::Dice;
use crate::error::Error;
use crate::sink::Sink;
use crate::table::Tab;
use crate::world::{World, stream};

/// Writes channels, campaigns and their spend.
pub(crate) fn write(world: &World, sink: &mut Sink<'_>) -> Result<(), Error> {
    for channel in world.channels.rows() {
        sink.settled(Tab::Channel, channel)?;
    }
    for campaign in world.channels.campaign_rows() {
        sink.settled(Tab::Campaign, campaign)?;
    }
    let mut dice = Dice::new(world.seed, stream::SPEND);
    for (index, campaign) in world.channels.campaigns.iter().enumerate() {
        let Some(kind) = world.channels.all[campaign.channel].spend.clone() else { continue };
        let daily = campaign.budget / i64::from(campaign.to.0 - campaign.from.0 + 1);
        // Media is paid by the day, everything else once a week.
        let weekly = kind != "媒体";
        let site = &world.org.sites[index % world.org.sites.len()].code;
        for raw in campaign.from.0.max(world.from.0)..=campaign.to.0.min(world.to.0) {
            let day = crate::time::Day(raw);
            if weekly && day.weekday() != 0 {
                continue;
            }
            let noise = dice.between(55, 145);
            let amount = daily * if weekly { 7 } else { 1 } * noise / 100;
            let shown = amount / 12 + dice.between(0, 50);
            let clicked = shown * dice.between(5, 30) / 1000;
            let site = (index % 3 != 0).then(|| site.clone());
            let spent = row![&campaign.code, day, kind.clone(), site, Fen(amount), shown, clicked];
            sink.at(Tab::Spend, day.at(23, 30), spent)?;
        }
    }
    Ok(())
}
