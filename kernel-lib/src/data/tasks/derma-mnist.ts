import { classQuestion } from "./definition";
import { medMnistTask } from "./medmnist";

const NAMES = [
  "actinic keratoses and intraepithelial carcinoma",
  "basal cell carcinoma",
  "benign keratosis-like lesions",
  "dermatofibroma",
  "melanoma",
  "melanocytic nevi",
  "vascular lesions",
];

/** DermaMNIST: seven kinds of pigmented skin lesions under a dermatoscope (MedMNIST v2). */
export const DERMA_MNIST = medMnistTask({
  name: "derma-mnist",
  file: "dermamnist.npz",
  md5: {
    28: "0744692d530f8e62ec473284d019b0c7",
    64: "b70a2f5635c6199aeaa28c31d7202e1f",
    128: "2defd784463fa5243564e855ed717de1",
    224: "8974907d8e169bef5f5b96bc506ae45d",
  },
  modality: "dermoscopy",
  labels: NAMES.map((name, index) => ({ index, name, answer: String(index) })),
  question: classQuestion("which class is this skin lesion ?", NAMES),
  channels: 3,
  counts: { train: 7007, validation: 1003, test: 2005 },
  card: {
    title: "DermaMNIST",
    description:
      "10,015 dermatoscopic colour pictures of pigmented skin lesions, seven diagnoses; 67 % are melanocytic nevi.",
    licence: "CC BY-NC 4.0",
    citation:
      "Yang et al., MedMNIST v2, Scientific Data 10, 41 (2023); pictures from Tschandl et al., The HAM10000 dataset, Scientific Data 5, 180161 (2018).",
    obtain: "dermamnist.npz of MedMNIST v2 (Zenodo record 10519652); put it in data/raw/medmnist/.",
  },
});
