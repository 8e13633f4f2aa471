/** Styles of the cards: Home Assistant's theme, tabular figures, one accent colour, other colours only for states. */

const BASE = `
  :host {
    --pm-text: var(--primary-text-color, #141414);
    --pm-soft: var(--secondary-text-color, #5e5e5e);
    --pm-back: var(--ha-card-background, var(--card-background-color, #fff));
    --pm-line: var(--divider-color, rgba(0, 0, 0, 0.12));
    --pm-accent: var(--primary-color, #009ac7);
    --pm-accent-text: color-mix(in srgb, var(--pm-accent) 52%, var(--pm-text));
    --pm-quiet: color-mix(in srgb, var(--pm-text) 5%, var(--pm-back));
    --pm-block-1: #a5d6cb; --pm-block-2: #6bb9bd; --pm-block-3: #3f8fae;
    --pm-block-4: #3a6397; --pm-block-5: #403a75; --pm-block-6: #31204b;
    display: block;
    height: 100%;
    font-variant-numeric: tabular-nums;
    -webkit-font-smoothing: antialiased;
  }
  :host([dark]) {
    --pm-block-1: #a3d6cc; --pm-block-2: #64b6bc; --pm-block-3: #4897bd;
    --pm-block-4: #4a79bb; --pm-block-5: #6357a9; --pm-block-6: #7a4699;
  }
  ha-card { height: 100%; box-sizing: border-box; color: var(--pm-text); overflow: hidden; }
  [hidden] { display: none !important; }
  h2, h3, p, ul, dl, dd, dt, table, fieldset { margin: 0; padding: 0; border: 0; }
  button, input, select { font: inherit; color: inherit; }
  .green { --pm-tone: var(--success-color, #2e7d32); }
  .amber { --pm-tone: var(--warning-color, #b26a00); }
  .red { --pm-tone: var(--error-color, #c62828); }
  .grey { --pm-tone: var(--pm-soft); }
  .chip {
    display: inline-flex; align-items: center; gap: 6px; padding: 3px 10px 3px 7px; border-radius: 999px;
    font-size: 13px; font-weight: 500; line-height: 20px; white-space: nowrap; color: var(--pm-text);
    background: color-mix(in srgb, var(--pm-tone) 13%, var(--pm-back));
  }
  .chip ha-icon, .banner ha-icon { color: color-mix(in srgb, var(--pm-tone) 80%, var(--pm-text)); flex: none; }
  button.chip { border: 0; cursor: pointer; min-height: 32px; }
  .chip ha-icon { --mdc-icon-size: 18px; }
  .button {
    min-height: 44px; padding: 0 18px; border: 0; border-radius: 22px; cursor: pointer; font-weight: 500;
    display: inline-flex; align-items: center; justify-content: center; gap: 8px;
    color: var(--pm-accent-text); background: color-mix(in srgb, var(--pm-accent) 14%, var(--pm-back));
  }
  .button.strong { color: var(--pm-back); background: var(--pm-accent-text); }
  .button.plain { background: transparent; }
  .button ha-icon { --mdc-icon-size: 20px; }
  .button:disabled { opacity: 0.55; cursor: default; }
  @media (hover: hover) { .button:not(:disabled):hover { filter: brightness(0.95); } }
  .link { border: 0; padding: 0; background: none; text-align: inherit; cursor: pointer; border-radius: 6px; }
  :focus-visible { outline: 2px solid var(--pm-accent-text); outline-offset: 3px; }
  .unseen {
    position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
  }
  @media (forced-colors: active) { .chip, .button, .banner { border: 1px solid; } }
`;

const CARD = `
  .body { display: flex; flex-direction: column; gap: 16px; padding: 16px; height: 100%; box-sizing: border-box; }
  header { display: flex; align-items: center; justify-content: space-between; gap: 12px; flex-wrap: wrap; }
  h2 { font-size: 16px; font-weight: 500; line-height: 24px; min-width: 0; overflow-wrap: anywhere; }
  /* An amount of many digits takes a line of its own. */
  .figures, .facts { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 12px 24px; }
  .figure { display: block; flex: 1 1 130px; max-width: 100%; }
  .label { display: block; font-size: 13px; line-height: 18px; color: var(--pm-soft); }
  .value { display: block; font-size: 28px; line-height: 36px; letter-spacing: -0.01em; white-space: nowrap; }
  .value.unsure { font-size: 17px; color: var(--pm-soft); }
  .beside { display: block; font-size: 13px; line-height: 18px; color: var(--pm-soft); }
  .banner {
    display: flex; gap: 12px; align-items: flex-start; padding: 12px; border-radius: 10px; font-size: 14px; line-height: 20px;
    background: color-mix(in srgb, var(--pm-tone) 11%, var(--pm-back));
  }
  .banner strong { font-weight: 500; display: block; }
  .banner p + p { margin-top: 4px; }
  .period { border-top: 1px solid var(--pm-line); padding-top: 14px; display: flex; flex-direction: column; gap: 10px; }
  .row { display: flex; justify-content: space-between; align-items: baseline; gap: 12px; flex-wrap: wrap; }
  .row h3 { font-size: 14px; font-weight: 500; line-height: 20px; }
  .ladder { display: flex; gap: 3px; height: 10px; }
  .step { flex: 1 1 0; min-width: 6px; position: relative; overflow: hidden; border-radius: 3px;
          background: color-mix(in srgb, var(--pm-text) 9%, var(--pm-back)); }
  .fill { position: absolute; inset: 0 auto 0 0; background: var(--pm-block); }
  .ladder .step:first-child { border-start-start-radius: 6px; border-end-start-radius: 6px; }
  .ladder .step:last-child { border-start-end-radius: 6px; border-end-end-radius: 6px; }
  .soft { font-size: 13px; line-height: 18px; color: var(--pm-soft); }
  table { width: 100%; border-collapse: collapse; font-size: 13px; line-height: 18px; }
  th { font-weight: 400; text-align: end; color: var(--pm-soft); padding: 2px 0 2px 12px; white-space: nowrap; }
  td { text-align: end; padding: 2px 0 2px 12px; white-space: nowrap; }
  td:first-of-type { white-space: normal; }
  th:first-child { text-align: start; padding-inline-start: 0; }
  tbody th { color: var(--pm-text); }
  tr.now th, tr.now td { font-weight: 500; }
  .key { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-inline-end: 8px; background: var(--pm-block); }
  .facts { gap: 10px 12px; border-top: 1px solid var(--pm-line); padding-top: 14px; }
  .facts .figure { flex-basis: 90px; }
  .facts.owed { border-top: 0; padding-top: 0; margin-top: -6px; }
  .facts .value { font-size: 16px; line-height: 22px; letter-spacing: 0; }
  footer { display: flex; align-items: center; justify-content: space-between; gap: 10px 16px; flex-wrap: wrap; margin-top: auto; }
  .actions { display: flex; gap: 8px; flex-wrap: wrap; }
  @media (max-width: 340px) { th, td { padding-inline-start: 6px; font-size: 12px; } .figures .value { font-size: 24px; } }
  .message { padding: 24px 16px; display: flex; gap: 12px; align-items: center; color: var(--pm-soft); }
`;

const DIALOG = `
  dialog {
    width: min(420px, 100vw - 32px); box-sizing: border-box; padding: 20px; border: 0; border-radius: 20px;
    color: var(--pm-text); background: var(--pm-back); box-shadow: 0 12px 40px rgba(0, 0, 0, 0.3);
    max-height: calc(100dvh - 32px); overflow: auto; overscroll-behavior: contain;
  }
  dialog::backdrop { background: rgba(0, 0, 0, 0.45); }
  dialog form { display: flex; flex-direction: column; gap: 16px; }
  dialog h2 { font-size: 20px; line-height: 28px; font-weight: 500; }
  label { display: block; font-size: 14px; line-height: 20px; }
  label .optional { color: var(--pm-soft); }
  input[type="text"], select {
    width: 100%; box-sizing: border-box; min-height: 48px; margin-top: 4px; padding: 0 12px; border-radius: 10px;
    border: 1px solid color-mix(in srgb, var(--pm-text) 45%, var(--pm-back)); background: var(--pm-back);
  }
  select option { color: var(--pm-text); background: var(--pm-back); }
  input.amount { font-size: 24px; min-height: 56px; }
  input.code { font-size: 20px; min-height: 56px; font-variant-numeric: tabular-nums; letter-spacing: 0.02em; }
  input[aria-invalid="true"] { border-color: var(--error-color, #c62828); border-width: 2px; }
  .holds { list-style: none; display: flex; flex-direction: column; gap: 12px; }
  .holds li { display: flex; align-items: center; justify-content: space-between; gap: 12px; flex-wrap: wrap; }
  .holds .soft { display: block; }
  .choices { display: flex; gap: 8px; flex-wrap: wrap; }
  .choices .button { min-height: 40px; padding: 0 14px; }
  .buttons { display: flex; justify-content: flex-end; gap: 8px; flex-wrap: wrap; }
  .split { font-size: 15px; line-height: 22px; }
  .split td, .split th { padding-block: 5px; }
  .split th { color: var(--pm-text); }
  .split tfoot th, .split tfoot td { border-top: 1px solid var(--pm-line); font-weight: 500; }
  .large { font-size: 17px; line-height: 24px; }
  @media (prefers-reduced-motion: no-preference) {
    dialog[open] { animation: rise 140ms ease-out; }
    @keyframes rise { from { opacity: 0; transform: translateY(8px); } }
    .fill { transition: width 300ms ease-out; }
  }
  dialog.unit { --ha-card-border-width: 0; --ha-card-box-shadow: none; padding: 0 0 12px; width: min(520px, 100vw - 32px); }
  dialog.unit .buttons { padding: 0 16px; }
  @media (max-width: 450px) {
    dialog, dialog.unit { width: 100vw; max-width: 100vw; margin: auto 0 0; border-radius: 20px 20px 0 0; padding-bottom: max(20px, env(safe-area-inset-bottom)); }
    .buttons .button { flex: 1 1 auto; }
  }
`;

const UNITS = `
  .body { padding: 16px; display: flex; flex-direction: column; gap: 12px; }
  h2 { font-size: 16px; font-weight: 500; line-height: 24px; }
  .row { display: flex; justify-content: space-between; align-items: center; gap: 12px; flex-wrap: wrap; }
  .counts { display: flex; gap: 6px; flex-wrap: wrap; }
  input[type="search"] {
    width: 100%; box-sizing: border-box; min-height: 44px; padding: 0 14px; border-radius: 22px; border: 1px solid var(--pm-line);
    background: var(--pm-quiet);
  }
  table { width: 100%; border-collapse: collapse; font-size: 14px; line-height: 20px; }
  th { text-align: start; font-weight: 400; font-size: 13px; color: var(--pm-soft); padding: 4px 12px 4px 0; white-space: nowrap; }
  td, tbody th { padding: 8px 12px 8px 0; border-top: 1px solid var(--pm-line); vertical-align: middle; color: var(--pm-text); font-size: 14px; }
  .end { text-align: end; }
  th:last-child, td:last-child { padding-inline-end: 0; }
  td.end { white-space: nowrap; }
  tbody th { white-space: normal; overflow-wrap: anywhere; min-width: 6em; }
  td .chip { white-space: normal; border-radius: 14px; }
  tbody .link { min-height: 28px; font-weight: 500; }
  .soft { color: var(--pm-soft); font-size: 13px; line-height: 18px; }
  .calm { display: flex; align-items: center; gap: 10px; color: var(--pm-soft); padding: 4px 0; }
  .calm ha-icon { color: color-mix(in srgb, var(--pm-tone) 80%, var(--pm-text)); }
  @container (max-width: 430px) {
    .wide { display: none; }
    td, tbody th { padding-inline-end: 8px; }
    tbody th { min-width: 5em; }
    td .chip { gap: 4px; padding: 3px 8px 3px 5px; font-size: 12px; }
    td.end, th.end { padding-inline-end: 0; }
  }
  ha-card { container-type: inline-size; }
`;

const sheets = new Map();

/** Return the style sheets of a card, which all cards of its kind share. */
export function styleSheets(...names) {
  return ["base", ...names].map((name) => {
    if (!sheets.has(name)) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync({ base: BASE, card: CARD, dialog: DIALOG, units: UNITS }[name]);
      sheets.set(name, sheet);
    }
    return sheets.get(name);
  });
}
