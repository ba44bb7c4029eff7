// The boxes of the page, in CSS pixels. Called with the selectors of the grids.
(grids) => {
  const scrollers = '.output, .table-scroll, .history, textarea';
  const box = (element) => {
    const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
    return { name: element.id || element.className || element.localName, left, top, right, bottom, width, height };
  };
  const isShown = (element) => element.checkVisibility() && element.getBoundingClientRect().width > 1;
  const isScrolled = (element) => element.parentElement.closest(scrollers) !== null;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)].filter(isShown);

  const overflowing = all('.panel *, .topbar *').filter((element) => {
    if (element.closest('svg, .sr-only, .wordmark') || element.matches(scrollers) || isScrolled(element)) return false;
    return getComputedStyle(element).overflowX === 'visible' && element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1;
  });
  const outside = all('.panel').flatMap((panel) => {
    const outer = panel.getBoundingClientRect();
    return all('*', panel).filter((element) => {
      if (element.closest('svg, .sr-only') || isScrolled(element)) return false;
      const inner = element.getBoundingClientRect();
      return inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1 || inner.left < outer.left - 1;
    });
  });
  return {
    panels: all('.panel').map(box),
    headings: all('.panel h2').map(box),
    overflowing: overflowing.map((element) => box(element).name),
    outside: outside.map((element) => box(element).name),
    grids: Object.fromEntries(grids.map((grid) => [grid, all(`${grid} > *`).map(box)])),
    controls: all('button, select, textarea, input, .file-chip, a[href], summary').filter((element) => !element.matches('.sr-only, .skip')).map(box),
    scrollWidth: document.documentElement.scrollWidth,
  };
}
