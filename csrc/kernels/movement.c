/* movement: filled next */
