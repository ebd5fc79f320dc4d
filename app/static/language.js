// Offers the page in the language that the browser asks for, if it has that one: a link, which nobody has to follow. The server isn't
// told: the page is the same for everybody, and says the language of each offer.
const spoken = (tag) => {
  const { language, script } = new Intl.Locale(tag).maximize();
  return `${language}-${script}`;
};
const offers = new Map([...document.querySelectorAll(".offer")].map((offer) => [spoken(offer.lang), offer]));
const here = spoken(document.documentElement.lang);
const wanted = navigator.languages.map(spoken).find((language) => language === here || offers.has(language));
if (wanted !== here) offers.get(wanted)?.removeAttribute("hidden");
