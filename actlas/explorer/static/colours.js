// Colours of curves, read from the style sheet so that light and dark have their own.

const COUNT = 10;

/** Return the colour of the curve at a place on the desk. */
export function colourOf(place) {
  return `var(--c${place % COUNT})`;
}

/** Return the value of a colour of the style sheet, for the canvas. */
export function painted(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export const curveColour = (place) => painted(`--c${place % COUNT}`);

/** Change between the light and the dark page, beginning with what the system asks for. */
export function turnTheme(done) {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme ?? (dark ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("actlas-theme", root.dataset.theme);
  } catch { /* a page from a file may have no storage; the theme then lasts as long as the page */ }
  done();
}

/** Take up the theme chosen before, and follow the system's changes. */
export function startTheme(done) {
  try {
    const kept = localStorage.getItem("actlas-theme");
    if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
  } catch { /* as above */ }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", done);
}
