select period, site, sum(value) as arrivals from metrics.arrivals group by period, site order by period desc, site limit 10
