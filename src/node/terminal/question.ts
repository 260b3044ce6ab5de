/** Something to be asked, as data. */
export type Question = ChoiceQuestion | TextQuestion | ConfirmQuestion;

export interface ChoiceQuestion {
  readonly kind: "choice";
  readonly title: string;
  readonly choices: readonly Choice[];
  /** The value that Enter takes at first; the first one if not given. */
  readonly initial?: string | undefined;
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export interface TextQuestion {
  readonly kind: "text";
  readonly title: string;
  /** A line of help below the title. */
  readonly help?: string;
  readonly initial?: string | undefined;
  /** Never show what is typed. */
  readonly secret?: boolean;
  /** What is wrong with an answer, for people; `undefined` if nothing is. It is asked again until nothing is. */
  readonly check?: (text: string) => string | undefined | Promise<string | undefined>;
  /** What is said while `check` takes its time. */
  readonly checking?: string;
}

export interface ConfirmQuestion {
  readonly kind: "confirm";
  readonly title: string;
  readonly initial: boolean;
}

/** The answer to go back to the question before. */
export const BACK = Symbol("back");

export type Answer = string | boolean;
