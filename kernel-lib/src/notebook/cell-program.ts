import { startCells } from "../kernel/cells/main";
import { COLUMN_READERS, PRESENTERS } from "./present-values";

/** The program that runs the cells of the kernel, with the looks of what this library knows. The kernel's own process starts it. */

startCells(PRESENTERS, COLUMN_READERS);
