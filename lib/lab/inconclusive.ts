/** Thrown where an experiment cannot decide its claims, with what was seen that prevents it. */
export class Inconclusive extends Error {}
