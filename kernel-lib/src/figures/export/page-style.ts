/** Style shared by the page of a figure and the gallery; paths are relative to the figures folder. */
export const PAGE_STYLE = `
@font-face { font-family: "Open Sans"; font-weight: 400; src: url("assets/open-sans-400.ttf"); }
@font-face { font-family: "Open Sans"; font-weight: 600; src: url("assets/open-sans-600.ttf"); }
@font-face { font-family: "Open Sans"; font-weight: 700; src: url("assets/open-sans-700.ttf"); }
:root { color-scheme: light dark; --page: #f5f7fa; --card: #ffffff; --ink: #1f2933; --muted: #5b6570; --line: #d9dee4; --link: #005b96; --badge: #e8eef4; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181d; --card: #1e242b; --ink: #e8ecf0; --muted: #a3adb8; --line: #36404a; --link: #7cc0f0; --badge: #2b343d; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 "Open Sans", "Segoe UI", Arial, sans-serif; }
main, header, footer { max-width: 980px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 36px; } footer { padding: 24px 20px 48px; color: var(--muted); font-size: 14px; }
h1 { font-size: 28px; line-height: 1.25; margin: 0 0 8px; } h2 { font-size: 15px; font-weight: 600; margin: 0 0 12px; color: var(--muted); }
p { margin: 8px 0; } a { color: var(--link); } a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.muted { color: var(--muted); font-size: 14px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 22px; margin: 24px 0; }
.plate { background: #ffffff; border-radius: 6px; overflow-x: auto; }
.plate img, .plate > svg { display: block; width: 100%; max-width: 860px; height: auto; margin: 0 auto; }
#live { max-width: 860px; margin: 0 auto; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.badges { display: flex; flex-wrap: wrap; gap: 8px; list-style: none; padding: 0; margin: 12px 0; }
.badges li { background: var(--badge); border-radius: 99px; padding: 2px 12px; font-size: 13px; }
.links a { margin-right: 16px; }
.skip { position: absolute; left: -9999px; } .skip:focus { left: 12px; top: 12px; background: var(--card); padding: 8px 12px; }
@media print { .links, .skip { display: none; } .card { break-inside: avoid; border: 0; } }
`;
