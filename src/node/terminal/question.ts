/** A question, as data. */
export type Question = ChoiceQuestion | TextQuestion | ConfirmQuestion;

export interface ChoiceQuestion {
  readonly kind: "choice";
  readonly title: string;
  readonly choices: readonly Choice[];
  /** The value that is selected at first; the first one if not given. */
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
  /** Why an answer is wrong, for people; `undefined` if it is right. The question is asked again until it is right. */
  readonly check?: (text: string) => string | undefined | Promise<string | undefined>;
  /** Shown while `check` runs. */
  readonly checking?: string;
}

export interface ConfirmQuestion {
  readonly kind: "confirm";
  readonly title: string;
  readonly initial: boolean;
}

/** The answer that goes back to the previous question. */
export const BACK = Symbol("back");

export type Answer = string | boolean;
