/**
 * What was seen decides nothing: neither a claim, nor whether a program does what it should. The
 * message says what was seen, and why that decides nothing.
 */
export class Inconclusive extends Error {}
