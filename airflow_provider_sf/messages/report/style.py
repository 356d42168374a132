"""The style sheet of the page of a release record: for a screen and for paper. No outside resource."""

from __future__ import annotations

STYLE = """
:root { --ink: #1b2430; --soft: #5b6776; --line: #dfe4ea; --panel: #f6f8fa; --blue: #0067b8; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; font: 15px/1.5 system-ui, "Segoe UI", sans-serif; }
main { max-width: 940px; margin: 0 auto; padding: 40px 28px 56px; }
header { border-bottom: 1px solid var(--line); padding-bottom: 22px; }
h1 { font-size: 27px; line-height: 1.25; margin: 0 0 10px; letter-spacing: -.01em; }
h2 { font-size: 19px; margin: 40px 0 4px; overflow-wrap: anywhere; }
h3 { font-size: 12px; margin: 24px 0 8px; color: var(--soft);
  text-transform: uppercase; letter-spacing: .06em; }
p { margin: 6px 0; }
.soft { color: var(--soft); }
.badge { display: inline-block; padding: 2px 11px; border-radius: 12px; font-size: 13px; font-weight: 600;
  color: #fff; background: #6b7785; white-space: nowrap; vertical-align: middle; }
.succeeded { background: #1a7f37; } .rolled_back, .failed { background: #c62828; }
.paused, .rolling_back { background: #a05a00; } .in_progress { background: var(--blue); }
dl { display: grid; grid-template-columns: 170px 1fr; gap: 5px 16px; margin: 14px 0 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { text-align: left; color: var(--soft); font-weight: 600; border-bottom: 1px solid #b8c1cb; }
th, td { padding: 6px 12px 6px 0; vertical-align: top; }
td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
.versions { font-size: 17px; margin: 10px 0 0; } .versions b { font-weight: 600; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px;
  padding: 12px 14px; margin: 0; font: 12.5px/1.5 ui-monospace, Consolas, monospace;
  white-space: pre-wrap; overflow-wrap: anywhere; }
ul { margin: 0; padding-left: 20px; }
svg { display: block; width: 100%; height: auto; margin: 4px 0 10px; }
code { font: 12.5px ui-monospace, Consolas, monospace; overflow-wrap: anywhere; }
footer { margin-top: 44px; border-top: 1px solid var(--line); padding-top: 16px; font-size: 13px; }
details { margin-top: 14px; } summary { cursor: pointer; color: var(--blue); margin-bottom: 8px; }
@media (max-width: 600px) { main { padding: 22px 16px; } dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 8px; } }
@media print { @page { margin: 16mm; } body { font-size: 11px; } main { max-width: none; padding: 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  h2, h3 { break-after: avoid; } tr, svg, dl { break-inside: avoid; } details { display: none; } }
"""
