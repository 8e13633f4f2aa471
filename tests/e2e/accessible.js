(leastTarget) => {
  const problems = [];
  const name = (each) => `<${each.localName}${each.id ? ` id=${each.id}` : ""}> ${each.textContent.trim().slice(0, 40)}`;
  const shown = (each) => each.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const all = (selector) => [...document.querySelectorAll(selector)];
  const say = (each, what) => problems.push(`${name(each)} ${what}`);

  if (!document.documentElement.lang) problems.push("the document has no language");
  if (!document.title) problems.push("the document has no title");
  if (all("main").length !== 1) problems.push("there is not one main");
  if (all("h1").filter(shown).length !== 1) problems.push("there is not one h1");
  const ids = all("[id]").map((each) => each.id);
  ids.filter((each, index) => ids.indexOf(each) !== index).forEach((each) => problems.push(`id ${each} is there twice`));

  for (const each of all("input, select, textarea").filter(shown)) {
    if (!each.labels?.length && !each.ariaLabel) say(each, "has no label");
  }
  for (const each of all("a[href], button, input, select").filter(shown)) {
    if (each.classList.contains("skip")) continue;
    const named = /input|select/.test(each.localName) || each.textContent.trim() || each.ariaLabel;
    if (!named) say(each, "has no name");
    if (each.tabIndex < 0) say(each, "is not reached with the keyboard");
    const { width, height } = (each.closest("label") || each).getBoundingClientRect();
    const inText = getComputedStyle(each).display === "inline";
    if (!inText && Math.min(width, height) < leastTarget) say(each, `is too small: ${width} x ${height}`);
  }
  for (const attribute of ["aria-describedby", "aria-labelledby"]) {
    for (const each of all(`[${attribute}]`)) {
      for (const id of each.getAttribute(attribute).split(" ")) {
        if (!document.getElementById(id)) say(each, `refers to ${id}, which is not there`);
      }
    }
  }
  for (const each of all("svg")) {
    if (each.getAttribute("aria-hidden") !== "true" && !each.ariaLabel) problems.push("a picture has no name and is not hidden");
  }

  // Contrast, by the formula of WCAG.
  const parts = (colour) => (colour.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => [0.2126, 0.7152, 0.0722].reduce((sum, share, index) => sum + share * linear(colour[index] / 255), 0);
  const behind = (each) => {
    for (let at = each; at; at = at.parentElement) {
      const found = parts(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const each = texts.currentNode.parentElement;
    const exempt = each.closest("button:disabled, .skip, script, option, noscript");
    if (!texts.currentNode.data.trim() || exempt || !shown(each)) continue;
    const style = getComputedStyle(each);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const pair = [luminance(parts(style.color)), luminance(behind(each))].sort((one, other) => other - one);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < least) say(each, `has a contrast of ${ratio.toFixed(2)}`);
  }
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) problems.push(`it is ${scrollWidth} px wide`);
  return problems;
}
