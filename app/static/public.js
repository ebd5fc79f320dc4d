// Shows the buttons that copy the addresses of what readers see.
import { offerCopies } from "./copy.js";

offerCopies();
