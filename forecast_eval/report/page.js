// Draws every chart of the page, then says how many were drawn: tests and screenshots wait for that.
(async () => {
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    actions: {export: {svg: true, png: true}, source: false, compiled: false, editor: false},
  };
  let drawn = 0;
  for (const node of document.querySelectorAll("script[data-chart]")) {
    const target = document.getElementById(node.dataset.chart);
    try {
      await vegaEmbed(target, JSON.parse(node.textContent), {
        ...options,
        bind: target.previousElementSibling, // controls stand above their chart
      });
      drawn += 1;
    } catch (error) {
      target.textContent = "This chart could not be drawn: " + error.message;
      console.error(error);
    }
  }
  document.body.dataset.drawn = String(drawn);
})();
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
