// In a frame of another site: tells the page around it how high this one is. It listens to nothing.
if (parent !== window) {
  // WordPress adds a secret to the address of a card, and locks it in: it sets the height, and follows a link to our
  // own host, by messages that repeat the secret (wp-includes/js/wp-embed.js).
  const [, secret] = /secret=(\w+)/.exec(location.hash) ?? [];
  const send = (message, value) => parent.postMessage({ message, value, secret }, "*");
  const tell = () => {
    const height = Math.ceil(document.body.getBoundingClientRect().height);
    parent.postMessage({ readersAsked: height }, "*");
    if (secret) send("height", height);
  };
  new ResizeObserver(tell).observe(document.body);
  if (secret) {
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[href]");
      if (!link) return;
      event.preventDefault();
      send("link", link.href);
    });
  }
}
