"""Pages: one HTML file each that opens offline. `shell` is what all of them share, `page` the page of a paper."""
